package live

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

// Access decides who may connect and who may watch. Its methods are called
// from many goroutines.
type Access interface {
	// Authenticate is asked before the upgrade. It returns 0 and who the
	// client is, or the HTTP status to refuse it with (401, 429 or 503).
	Authenticate(r *http.Request) (who any, status int)
	// Decide says whether who may watch an event, without waiting. It is asked
	// at every subscribe, before it is known whether the event exists, and
	// again while a topic is watched. Where somebody has to be asked, key is
	// not "", and Ask has the answer, the same for all with that key. An error
	// means that the answer could not be had.
	Decide(who any, event string) (allowed bool, key string, err error)
	// Ask asks whether who may watch an event. It may wait. again says that it
	// is about somebody who watches, and must not wait for those who do not.
	Ask(ctx context.Context, who any, event string, again bool) (allowed bool, err error)
	// AllPublic reports whether everybody may watch every event, so that
	// saying which exist gives nothing away.
	AllPublic() bool
}

// Options are what a Server needs. All times and limits must be positive.
type Options struct {
	Core       *shard.Core
	Writers    int // as in the core's Config
	Access     Access
	InstanceID string
	Logger     *slog.Logger
	Metrics    *metrics.Set

	Origins          origin.List   // whose pages may connect, beside those of the request's own origin
	MaxConnections   int           // more are refused with 429
	MaxSubscriptions int           // per connection
	MaxMessageBytes  int           // longest message of a client
	RequestRate      float64       // requests per second and connection
	RequestBurst     float64       // how many may come at once
	SnapshotRate     float64       // bytes per second of the snapshots that a connection's subscribes may draw; 0: any
	SnapshotBurst    float64       // how many of these bytes may come at once, with one snapshot on top
	Heartbeat        time.Duration // between pings; two without an answer end the connection
	WriteTimeout     time.Duration // no byte taken by the socket for so long ends the connection
	RingMaxAge       time.Duration // beyond the window, for which a full socket may keep a chunk; older ones are dropped like a full queue. 0: any
	NotsentLowat     int           // bytes the kernel may hold unsent; 0 leaves its default
	Limits           Limits
	// Recognize reports whether a request shows a credential that was found to be
	// good lately. It costs next to nothing and may be called from any goroutine.
	// nil: none is recognized.
	Recognize func(*http.Request) bool
	Reauth    Reauth
	WindowMax time.Duration // how long the flush window may become under load; at most the core's own: never longer
}

// Server is the live server: an http.Handler for /live and the goroutines
// behind it.
type Server struct {
	opts    Options
	core    *shard.Core
	log     *slog.Logger
	m       *meters
	faults  fault
	gws     upgraders
	limiter limiter
	pending pending
	delays  *delays
	untold  fault // a trusted proxy names no client
	strange fault // a proxy is not trusted
	clients *asks // what clients wait for
	reasks  *asks // what is asked again
	rounds  rounds

	throttleTime time.Duration // throttleTime; less in tests
	born         time.Time
	generation   atomic.Uint64 // counts changes of access, see Recheck

	writers  []*writer
	sweeps   []*sweep // one per writer
	queue    dispatchQueue
	sessions *xsync.MapOf[uint64, *session]
	lastID   atomic.Uint64
	open     atomic.Int64 // connections, those in the handshake included
	draining atomic.Bool
	queued   atomic.Int64 // unsent bytes of all connections, at the last look

	door       sync.Mutex     // guards ended, so that no handshake begins behind the end
	ended      bool           // Run has begun to end
	handshakes sync.WaitGroup // requests under way

	readers sync.WaitGroup // read goroutines
	parked  sync.WaitGroup // goroutines that wait for a full socket
	members sync.WaitGroup // sessions that have not left the core yet
}

// New makes a server. Nothing runs until Run.
func New(o Options) (*Server, error) {
	if o.Reauth.Keeper != nil && o.Reauth.Every <= 0 {
		return nil, fmt.Errorf("live: the interval at which sessions are asked about must be positive")
	}
	if o.Heartbeat <= 0 || o.WriteTimeout <= 0 || o.MaxConnections <= 0 || o.MaxMessageBytes <= 0 {
		return nil, fmt.Errorf("live: heartbeat, write time-out and limits must be positive")
	}
	srv := &Server{
		opts:         o,
		core:         o.Core,
		log:          o.Logger,
		gws:          newUpgraders(o.MaxMessageBytes),
		clients:      newAsks(maxAsking),
		reasks:       newAsks(maxReviews),
		throttleTime: throttleTime,
		delays:       newDelays(o.Limits.Pending),
		born:         time.Now(),
		queue:        dispatchQueue{wake: make(chan struct{}, 1)},
		sessions:     xsync.NewMapOf[uint64, *session](),
	}
	for i := range o.Writers {
		s := new(sweep)
		srv.sweeps = append(srv.sweeps, s)
		srv.writers = append(srv.writers, newWriter(srv, o.Core.Queue(i), s))
	}
	srv.m = newMeters(o.Metrics, srv)
	srv.rounds.log, srv.rounds.late = o.Logger, srv.m.lateRounds
	for _, f := range []*fault{&srv.faults, &srv.untold, &srv.strange, &srv.rounds.fault} {
		f.log, f.quiet.Every = o.Logger, pace.FaultEvery
	}
	srv.limiter.o = o.Limits
	srv.pending.by, srv.pending.silent = map[client]int{}, map[net.Conn]silence{}
	return srv, nil
}

// dispatchers is how many goroutines carry out requests. They share one queue;
// a second one keeps a slow authorisation from holding up everybody.
const dispatchers = 2

// Run serves until ctx ends and every goroutine of the server has ended. Drain
// first for a clean goodbye; connections still open then are cut, new ones are
// refused. The core must run until Run has returned.
func (srv *Server) Run(ctx context.Context) error {
	var own sync.WaitGroup
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	srv.clients.begin(ctx)
	srv.reasks.begin(ctx)
	for _, w := range srv.writers {
		own.Go(func() { pprof.Do(inner, pprof.Labels("task", "write"), w.run) })
	}
	own.Go(func() { srv.stretch(inner) })
	for range dispatchers {
		own.Go(func() { pprof.Do(inner, pprof.Labels("task", "dispatch"), srv.dispatch) })
	}
	own.Go(func() { srv.heartbeat(inner) })
	own.Go(func() { srv.reviews(inner) })
	own.Go(func() { srv.weigh(inner) })

	<-ctx.Done()
	srv.shut()
	srv.sessions.Range(func(_ uint64, s *session) bool {
		s.cut()
		return true
	})
	srv.handshakes.Wait() // whoever still comes out of one is sent away
	srv.readers.Wait()
	srv.parked.Wait()
	srv.members.Wait()
	srv.clients.own.Wait()
	srv.reasks.own.Wait()
	stop()
	own.Wait()
	return nil
}

// enter lets a request in, unless Run is ending. The HTTP server does not wait
// for requests whose connection was taken from it, so Run does.
func (srv *Server) enter() bool {
	srv.door.Lock()
	defer srv.door.Unlock()
	if srv.ended {
		return false
	}
	srv.handshakes.Add(1)
	return true
}

// shut keeps everybody out from now on.
func (srv *Server) shut() {
	srv.draining.Store(true)
	srv.delays.end()
	srv.door.Lock()
	defer srv.door.Unlock()
	srv.ended = true
}

// Connections is the number of open connections.
func (srv *Server) Connections() int { return int(srv.open.Load()) }

// forget removes a session that has left everything.
func (srv *Server) forget(s *session) {
	srv.sessions.Delete(s.id)
	s.gone()
	srv.members.Done()
}

// Drain refuses new connections with 503, then closes those that are open with
// 1001, spread evenly over the time given, so that they do not all come back
// at once. It returns when all have gone, or when ctx ends.
func (srv *Server) Drain(ctx context.Context, over time.Duration) error {
	srv.draining.Store(true)
	srv.delays.end()
	var all []*session
	srv.sessions.Range(func(_ uint64, s *session) bool {
		all = append(all, s)
		return true
	})
	const waves = 20
	tick := time.NewTicker(max(over/waves, time.Millisecond))
	defer tick.Stop()
	for i := range waves {
		for _, s := range all[i*len(all)/waves : (i+1)*len(all)/waves] {
			s.close(1001, "going away")
		}
		if srv.Connections() == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return srv.undrained(ctx)
		}
	}
	for srv.Connections() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return srv.undrained(ctx)
		}
	}
	return nil
}

func (srv *Server) undrained(ctx context.Context) error {
	return fmt.Errorf("close connections (%d left): %w", srv.Connections(), ctx.Err())
}
