package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/origin"
	"pitwall/engine/live"
	"pitwall/engine/viewer"
)

// Options are the dependencies and settings of a Server.
type Options struct {
	Addr    string       // host:port to listen on; port 0 for any
	Live    *live.Server // serves /live and limits what comes before it
	Listing *Listing     // the events that the page shows

	Anonymous bool // everybody may watch, by any name and through any proxy (AUTH_ALLOW_ANONYMOUS)
	SignIn    bool // clients must authenticate (AUTH_MODE is not none)

	Origins        origin.List    // ALLOWED_ORIGINS
	FrameAncestors []string       // sources of a Content-Security-Policy, besides the page's own
	Proxies        []netip.Prefix // TRUSTED_PROXIES
	ProxyProtocol  bool           // trusted proxies begin each connection with a PROXY header

	TLS TLSOptions

	HeaderTimeout  time.Duration // for the TLS handshake, the PROXY header and the header of a request, each
	MaxHeaderBytes int

	Metrics *metrics.Set // gets the expiry of the certificate; nil for none
	Logger  *slog.Logger
}

// TLSOptions are the options of TLS.
type TLSOptions struct {
	CertFile, KeyFile string        // PEM; "" for no TLS
	MinVersion        uint16        // of crypto/tls
	StrictTransport   time.Duration // how long browsers use only TLS (HSTS); 0: no such header
}

// Server is the public listener: the page, and the live server's /live.
type Server struct {
	opts     Options
	server   *http.Server
	listener net.Listener

	certificate *certificate // nil without TLS
}

// New opens the port and answers no request before Serve. The error names the setting
// that is wrong.
func New(o Options) (*Server, error) {
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for spectators (HTTP_ADDR): %w", err)
	}
	s := &Server{opts: o, listener: o.Live.PaceListener(l)}
	s.warnOfProxies(l.Addr())
	s.server = &http.Server{
		Handler:           s.handler(l.Addr()),
		ReadHeaderTimeout: o.HeaderTimeout, // net/http uses it for the TLS handshake, too
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    o.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug), // scanners cause many of these
	}
	o.Live.TrackConnections(s.server)
	if o.ProxyProtocol {
		s.listener = s.readProxyHeaders(s.listener)
	}
	if o.TLS.CertFile != "" {
		if s.listener, err = s.listenTLS(s.listener); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return s, nil
}

// handler serves all paths. Handlers that apply to every path wrap the mux. The request
// limit runs before CORS and the check of Host, so that it counts preflights and
// refusals. Handshakes skip it, because the live server has its own limits for them.
func (s *Server) handler(at net.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/live", s.opts.Live)
	mux.Handle("/", viewer.Handler(&s.opts.Listing.list, s.opts.FrameAncestors...))
	all := s.allowOrigins(s.checkHost(mux, at))
	limited := s.opts.Live.LimitRequests(all)
	return s.strictTransport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live" && r.Method == http.MethodGet && s.classifyHost(r, at) == hostAllowed {
			all.ServeHTTP(w, r)
			return
		}
		limited.ServeHTTP(w, r)
	}))
}

// strictTransport adds the header that tells browsers to use only TLS for this host.
func (s *Server) strictTransport(next http.Handler) http.Handler {
	if s.opts.TLS.StrictTransport == 0 {
		return next
	}
	value := fmt.Sprintf("max-age=%d", int64(s.opts.TLS.StrictTransport/time.Second))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", value)
		next.ServeHTTP(w, r)
	})
}

// Addr returns the address of the listener, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Serve serves until Shutdown, and returns nil then. Call it once.
func (s *Server) Serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve spectators: %w", err)
	}
	return nil
}

// Shutdown closes the port and waits for the requests in progress. If ctx ends first,
// it closes their connections. It may be called without Serve.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	// Without Serve, http.Server does not know the listener.
	if cerr := s.listener.Close(); cerr != nil && !errors.Is(cerr, net.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return err
}
