package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"pitwall/engine/internal/origin"
	"pitwall/engine/live"
	"pitwall/engine/viewer"
)

// httpServer is the public listener: the page, and the live server's /live.
type httpServer struct {
	server   *http.Server
	listener net.Listener
}

func listenHTTP(c *Config, srv *live.Server, events *viewer.List, log *slog.Logger) (*httpServer, error) {
	l, err := net.Listen("tcp", c.HTTPAddr)
	if err != nil {
		return nil, fmt.Errorf("listen for spectators (HTTP_ADDR): %w", err)
	}
	c.warnOfProxies(l.Addr(), log)
	s := &httpServer{listener: srv.Paced(l), server: &http.Server{
		Handler:           c.handler(srv, events, l.Addr()),
		ReadHeaderTimeout: ms(c.HTTPHeaderTimeoutMS), // the TLS handshake has the same
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    c.HTTPMaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what scanners send is no event
	}}
	srv.Attend(s.server)
	if c.ProxyProtocol {
		s.listener = c.behindProxy(s.listener)
	}
	if c.TLSCertFile != "" {
		if s.listener, err = c.overTLS(s.listener, log); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return s, nil
}

// handler is what the listener at this address serves. What holds for every
// path is around the mux.
func (c *Config) handler(srv *live.Server, events *viewer.List, at net.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/live", srv)
	mux.Handle("/", srv.Limited(viewer.Handler(events, c.embedders()...)))
	return c.strictTransport(c.shareWithOrigins(c.checkHost(mux, at, srv)))
}

// strictTransport has browsers use nothing but TLS from now on.
func (c *Config) strictTransport(next http.Handler) http.Handler {
	if c.TLSHSTSSeconds == 0 {
		return next
	}
	value := fmt.Sprintf("max-age=%d", c.TLSHSTSSeconds)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", value)
		next.ServeHTTP(w, r)
	})
}

// shareWithOrigins lets pages of ALLOWED_ORIGINS read the answers (CORS), so
// that they learn of a plain GET /live why they were refused. Those that are
// named may send cookies, as they do with a handshake.
func (c *Config) shareWithOrigins(next http.Handler) http.Handler {
	allowed := c.origins()
	if allowed.Empty() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		from, present, err := origin.Of(r)
		switch {
		case present && err == nil && allowed.Names(from):
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			h.Set("Access-Control-Allow-Credentials", "true")
		case present && allowed.Any():
			h.Set("Access-Control-Allow-Origin", "*")
		default:
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Expose-Headers", "Date, Retry-After")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "Authorization")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *httpServer) addr() string { return s.listener.Addr().String() }

func (s *httpServer) serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve spectators: %w", err)
	}
	return nil
}

func (s *httpServer) shutdown(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	if cerr := s.listener.Close(); cerr != nil && !errors.Is(cerr, net.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return err
}
