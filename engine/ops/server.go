package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/origin"
)

// DefaultAddr is where the ops server listens when no address is given.
const DefaultAddr = "127.0.0.1:9090"

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	answerTimeout = 30 * time.Second // of all answers but profiles, which take as long as asked
	maxHeader     = 16 << 10
)

// Options say what the ops server tells, and where.
type Options struct {
	// Addr is host:port, port 0 for a free one, "" for DefaultAddr.
	Addr string
	// Token is asked for as a bearer token everywhere but at /healthz and
	// /readyz without details. "" is none.
	Token string
	// Profiles serves /debug/pprof on an address that is not loopback, too.
	Profiles bool
	// Set holds the engine's metrics. Required.
	Set *metrics.Set
	// Ready says whether spectators may be sent here, and if not, why, in a few
	// words without secrets. Required.
	Ready func() (ready bool, reason string)
	// Parts lists how each part is. Required.
	Parts func() []health.Status
	// Extra appends metrics that no Set holds, in Prometheus text. Optional.
	Extra func(w io.Writer)
	// Logger receives what goes wrong. Required.
	Logger *slog.Logger
}

// Server is the ops listener. Make it with New, then Listen, then Serve on a
// goroutine of the caller's, and Shutdown from another one.
type Server struct {
	o        Options
	http     *http.Server
	listener net.Listener
	cancel   context.CancelFunc // cancels the profiles under way
}

// New makes a server that does not listen yet.
func New(o Options) *Server {
	if o.Addr == "" {
		o.Addr = DefaultAddr
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{o: o, cancel: cancel}
	s.http = &http.Server{
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
	return s
}

// Listen opens the listener. An error names the setting OPS_ADDR.
func (s *Server) Listen() error {
	l, err := net.Listen("tcp", s.o.Addr)
	if err != nil {
		return fmt.Errorf("listen for metrics and health (OPS_ADDR): %w", err)
	}
	s.listener = l
	local := origin.IsLoopback(l.Addr())
	s.http.Handler = rejectCrossSite(s.routes(local || s.o.Profiles))
	if local {
		s.http.Handler = rejectForeignHost(s.http.Handler, l.Addr())
	} else if s.o.Token == "" {
		s.o.Logger.Warn("everybody who reaches OPS_ADDR may read the metrics and why parts are not ready; set OPS_TOKEN", "ops_addr", l.Addr().String())
	}
	return nil
}

// Addr returns the address it listens on, "" before Listen.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Serve answers requests until Shutdown is called, and returns nil then; any
// other end is an error. Call it once, after Listen.
func (s *Server) Serve() error {
	if s.listener == nil {
		return errors.New("serve metrics and health: not listening")
	}
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics and health: %w", err)
	}
	return nil
}

// Shutdown stops listening, ends profiles in the making and waits for the
// requests being answered. When ctx ends first it cuts them and returns the
// context's error. It may be called before or without Serve, and again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if s.listener != nil { // http.Server closes it only once Serve has begun
		if cerr := s.listener.Close(); !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	if err != nil {
		return fmt.Errorf("shut down metrics and health: %w", err)
	}
	return nil
}
