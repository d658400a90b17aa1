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

	"pitwall/engine/internal/current"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/origin"
)

// DefaultAddr is the address of the ops server if none is given.
const DefaultAddr = "127.0.0.1:9090"

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	answerTimeout = 30 * time.Second // for answers other than profiles
	maxHeader     = 16 << 10
)

// Options are the dependencies and settings of a Server.
type Options struct {
	// Addr is host:port, with port 0 for a free one. "": DefaultAddr.
	Addr string
	// Token is the bearer token that is required everywhere but at /healthz and at
	// /readyz without details. "": none is required.
	Token string
	// Profiles serves /debug/pprof even if Addr is not a loopback address.
	Profiles bool
	// Set holds the engine's metrics. Required.
	Set *metrics.Set
	// Ready says whether spectators may be sent here, and why not, in a few words
	// without secrets. Required.
	Ready func() (ready bool, reason string)
	// Parts returns the state of each part. Required.
	Parts func() []health.Status
	// Instance returns the public name of the process. Optional.
	Instance func() string
	// Activity returns what runs through the process, for /status. It is called at most
	// twice a second. Optional.
	Activity func() Activity
	// Device returns what is known of a device, for /device. It is called by one
	// goroutine at a time. Optional.
	Device func(ctx context.Context, id string) (Device, error)
	// Top names the slowest connections and the devices in no event, for /top. It is
	// called by one goroutine at a time, at most twice a second. Optional.
	Top func(ctx context.Context) Ranking
	// Extra writes metrics that are not in Set, in Prometheus text. Optional.
	Extra func(w io.Writer)
	// Logger receives warnings and errors. Required.
	Logger *slog.Logger
}

// Server is the private listener. Call New, Listen and Serve, in this order, and
// Shutdown from another goroutine.
type Server struct {
	o        Options
	http     *http.Server
	listener net.Listener
	token    current.Value[string]
	cancel   context.CancelFunc // cancels the profiles in progress
	started  time.Time
	asked    asked
	private  bool // it listens on a loopback address
}

// New makes a server that does not listen yet.
func New(o Options) *Server {
	if o.Addr == "" {
		o.Addr = DefaultAddr
	}
	ctx, cancel := context.WithCancel(context.Background())
	if o.Instance == nil {
		o.Instance = func() string { return "" }
	}
	s := &Server{o: o, cancel: cancel, started: time.Now(), asked: asked{device: make(chan struct{}, 1), top: make(chan struct{}, 1)}}
	s.SetToken(o.Token)
	s.http = &http.Server{
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
	return s
}

// SetToken replaces the bearer token, also for requests on open connections. Any
// goroutine may call it.
func (s *Server) SetToken(token string) { s.token.Store(token) }

// Listen opens the listener. An error names the setting OPS_ADDR.
func (s *Server) Listen() error {
	l, err := net.Listen("tcp", s.o.Addr)
	if err != nil {
		return fmt.Errorf("listen for metrics and health (OPS_ADDR): %w", err)
	}
	s.listener = l
	local := origin.IsLoopback(l.Addr())
	s.private = local
	s.http.Handler = rejectCrossSite(s.routes(local || s.o.Profiles))
	if local {
		s.http.Handler = rejectForeignHost(s.http.Handler, l.Addr())
	} else if s.o.Token == "" {
		s.o.Logger.Warn("everybody who reaches OPS_ADDR may read the metrics and the state of the parts; set OPS_TOKEN to prevent that", "ops_addr", l.Addr().String())
	}
	return nil
}

// Addr returns the address of the listener, "" before Listen.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Serve serves until Shutdown, and returns nil then. Call it once, after Listen.
func (s *Server) Serve() error {
	if s.listener == nil {
		return errors.New("serve metrics and health: not listening")
	}
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics and health: %w", err)
	}
	return nil
}

// Shutdown stops listening, cancels profiles, and waits for the requests in progress.
// If ctx ends first, it closes their connections and returns the context's error. It
// may be called before or without Serve, and more than once.
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
