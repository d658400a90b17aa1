package live

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/puzpuzpuz/xsync/v3"

	"pitwall/engine/internal/origin"
	"pitwall/engine/internal/pace"
	"pitwall/shard"
)

// Access decides who may connect and who may watch. Its methods are called from many
// goroutines.
type Access interface {
	// Authenticate is called before the upgrade. It returns the client's identity and
	// status 0, or the HTTP status of the refusal (401, 429 or 503).
	Authenticate(r *http.Request) (identity any, status int)
	// Decide says whether identity may watch an event, without waiting. It is called at
	// every subscribe, before it is known whether the event exists, and again while the
	// event is watched. If somebody has to be asked, key is not "", and Ask gets the
	// answer, which is the same for all calls with that key. An error means that there
	// is no answer.
	Decide(identity any, event string) (allowed bool, key string, err error)
	// Ask asks somebody whether identity may watch an event. It may wait. again says
	// that the event is watched already: such a call must not wait for others.
	Ask(ctx context.Context, identity any, event string, again bool) (allowed bool, err error)
	// AllPublic reports whether everybody may watch every event, so that it is no
	// secret which events exist.
	AllPublic() bool
}

// Options are what a Server needs. Times and limits must be positive, unless 0 has a
// meaning of its own.
type Options struct {
	Core       *shard.Core
	Writers    int // as in the core's Config
	Access     Access
	InstanceID string
	Logger     *slog.Logger
	Metrics    *metrics.Set

	Bounds
	TrustedProxies  []netip.Prefix // may name the client of a request in X-Forwarded-For
	Origins         origin.List    // whose pages may connect, beside those of the request's own origin
	MaxMessageBytes int            // longest message of a client
	Heartbeat       time.Duration  // between pings; two without an answer end the connection
	WriteTimeout    time.Duration  // a connection ends if its socket takes no byte for so long
	RingMaxAge      time.Duration  // how long beyond the window a chunk may wait for a full socket before the queue is dropped; 0: no limit
	NotsentLowat    int            // bytes that the kernel may hold unsent; 0: its default
	// Recognize reports whether the credential of a request was recently found good. It
	// must be fast, and is called from any goroutine. nil: none is recognized.
	Recognize func(*http.Request) bool
	Reauth    Reauth
	// Arrivals tells what is known of the sources, for the cursors. It is called from one
	// goroutine. nil: there are no cursors.
	Arrivals  func() Arrivals
	WindowMax time.Duration // the longest flush window under load; unless it exceeds the core's window, that does not change
}

// Server is the live server: an http.Handler for /live, and the goroutines that serve
// its connections.
type Server struct {
	opts      Options
	core      *shard.Core
	log       *slog.Logger
	m         *meters
	faults    faultLog
	upgraders upgraders
	limiter   limiter
	httpConns httpConns
	delays    *delays

	unnamedClients faultLog // a trusted proxy names no client
	unknownProxies faultLog // a proxy is not trusted

	requestAuth   *authPool // what requests wait for
	checks        *authPool // about sessions that are in
	recheckRounds recheckRounds

	throttleTime  time.Duration // the constant of that name; tests change it
	sendCloseTime time.Duration // likewise
	margin        time.Duration // resumeMargin; likewise
	born          time.Time
	generation    atomic.Uint64 // counts changes of access, see Recheck

	writers  []*writer
	passes   []*passTimer // one per writer
	cursors  cursors
	bounds   atomic.Pointer[Bounds]
	queue    dispatchQueue
	sessions *xsync.MapOf[uint64, *session]
	lastID   atomic.Uint64
	open     atomic.Int64 // connections, those in the handshake included
	draining atomic.Bool  // new requests are refused; set while beginMu is held
	returnMs atomic.Int64 // within how many ms the clients of a drain come back; set before draining
	queued   atomic.Int64 // memory held for all connections, as last measured by enforceMemory

	beginMu    sync.Mutex     // so that no handshake begins once Run waits for them
	handshakes sync.WaitGroup // requests under way

	readers sync.WaitGroup // reader goroutines
	parked  sync.WaitGroup // goroutines of parked sessions
	joined  sync.WaitGroup // sessions that have not left the core yet
}

// New makes a server. Nothing runs until Run.
func New(o Options) (*Server, error) {
	if o.Reauth.Keeper != nil && o.Reauth.Every <= 0 {
		return nil, fmt.Errorf("live: the interval at which sessions are asked about must be positive")
	}
	if o.Heartbeat <= 0 || o.WriteTimeout <= 0 || o.MaxMessageBytes <= 0 {
		return nil, fmt.Errorf("live: heartbeat, write time-out and limits must be positive")
	}
	srv := &Server{
		opts:         o,
		core:         o.Core,
		log:          o.Logger,
		upgraders:    newUpgraders(o.MaxMessageBytes),
		requestAuth:  newAuthPool(maxRequestAuth),
		checks:       newAuthPool(maxChecks),
		throttleTime: throttleTime,
		delays:       newDelays(o.Limits.Pending),
		born:         time.Now(),
		queue:        dispatchQueue{wake: pace.NewSignal()},
		sessions:     xsync.NewMapOf[uint64, *session](),

		sendCloseTime: sendCloseTime, margin: resumeMargin,
	}
	for i := range o.Writers {
		p := new(passTimer)
		srv.passes = append(srv.passes, p)
		srv.writers = append(srv.writers, newWriter(srv, o.Core.Queue(i), p))
	}
	srv.m = newMeters(o.Metrics, srv)
	srv.recheckRounds.late = srv.m.lateRounds
	for _, l := range []*faultLog{&srv.faults, &srv.unnamedClients, &srv.unknownProxies, &srv.recheckRounds.faults} {
		l.log = o.Logger
	}
	if err := srv.SetBounds(o.Bounds); err != nil {
		return nil, err
	}
	srv.httpConns.by, srv.httpConns.silent = map[addrKey]int{}, map[net.Conn]silence{}
	return srv, nil
}

// Run serves until ctx ends, and returns when every goroutine of the server has ended.
// Call Drain before ctx ends, so that clients get close frames: connections that are
// open at the end of ctx are cut, and new ones are refused. The core must run until Run
// has returned.
func (srv *Server) Run(ctx context.Context) error {
	var own sync.WaitGroup
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	srv.requestAuth.start(ctx)
	srv.checks.start(ctx)
	for _, w := range srv.writers {
		own.Go(func() { pprof.Do(inner, pprof.Labels("task", "write"), w.run) })
	}
	own.Go(func() { srv.adaptWindow(inner) })
	for range dispatchers {
		own.Go(func() { pprof.Do(inner, pprof.Labels("task", "dispatch"), srv.dispatch) })
	}
	own.Go(func() { srv.heartbeat(inner) })
	own.Go(func() { srv.recheckLoop(inner) })
	own.Go(func() { srv.enforceMemory(inner) })
	own.Go(func() { srv.followArrivals(inner) })

	<-ctx.Done()
	srv.refuseRequests()
	srv.sessions.Range(func(_ uint64, s *session) bool {
		s.cut()
		return true
	})
	srv.handshakes.Wait() // upgrade closes a session that still begins
	srv.readers.Wait()
	srv.parked.Wait()
	srv.joined.Wait()
	srv.requestAuth.workers.Wait()
	srv.checks.workers.Wait()
	stop()
	own.Wait()
	return nil
}

// beginRequest counts a request that begins; it is false while draining. The HTTP server
// does not wait for requests whose connection was taken from it, so Run does.
func (srv *Server) beginRequest() bool {
	srv.beginMu.Lock()
	defer srv.beginMu.Unlock()
	if srv.draining.Load() {
		return false
	}
	srv.handshakes.Add(1)
	return true
}

// refuseRequests has all further requests refused, and ends the delay of earlier ones.
func (srv *Server) refuseRequests() {
	srv.beginMu.Lock()
	defer srv.beginMu.Unlock()
	srv.draining.Store(true)
	srv.delays.end()
}

// Connections is the number of open connections.
func (srv *Server) Connections() int { return int(srv.open.Load()) }

// forget removes a session that has left the core. A dispatcher calls it.
func (srv *Server) forget(s *session) {
	srv.sessions.Delete(s.id)
	if s.expiry != nil {
		s.expiry.Stop()
	}
	srv.releaseClient(s.identity, s.addr)
	srv.joined.Done()
}
