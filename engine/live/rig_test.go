package live

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// accessRule is the access rule of a test: everybody may in, and may watch what
// closed does not name.
type accessRule struct {
	secret bool                                    // not all events are public
	status int                                     // refuses every upgrade
	closed map[string]bool                         // events nobody may watch
	ask    func(context.Context, string) error     // runs at every subscribe
	who    func(*http.Request) (who any, code int) // instead of status
}

func (d *accessRule) Authenticate(r *http.Request) (who any, status int) {
	if d.who != nil {
		return d.who(r)
	}
	return nil, d.status
}

func (d *accessRule) Decide(_ any, event string) (allowed bool, key string, err error) {
	if d.ask != nil {
		return false, event, nil
	}
	return !d.closed[event], "", nil
}

func (d *accessRule) Ask(ctx context.Context, _ any, event string, _ bool) (bool, error) {
	if err := d.ask(ctx, event); err != nil {
		return false, err
	}
	return !d.closed[event], nil
}

func (d *accessRule) AllPublic() bool { return !d.secret }

// setup is what a test may change before the rig starts.
type setup struct {
	shard  shard.Config
	live   Options
	rule   *accessRule
	access Access                          // instead of rule
	wrap   func(net.Listener) net.Listener // between the HTTP server and TCP

	headerTimeout time.Duration // of the HTTP server; 0: none
	plainOrder    bool          // the writers serve first come, first served
}

// rig is a running core and live server behind an HTTP server on a port of
// its own.
type rig struct {
	t     testing.TB
	core  *shard.Core
	srv   *Server
	set   *metrics.Set
	addr  string
	http  *http.Server
	rule  *accessRule
	names []string // of the metrics, before anything happened

	endLive  context.CancelFunc
	liveDone chan struct{}

	clock  atomic.Int64 // ts of the next position, ms
	mu     sync.Mutex
	latest map[string]int64 // device -> ts of the last position published
}

// start runs a rig with the events and devices of the roster, 2 shards and 2
// writers, until the test ends. The end of it checks that Run returns.
func start(t testing.TB, roster map[string][]string, change ...func(*setup)) *rig {
	t.Helper()
	set := metrics.NewSet()
	su := setup{
		shard: shard.Config{Shards: 2, Writers: 2, Window: 5 * time.Millisecond, FutureTolerance: 5 * time.Second, Deflate: NewDeflater},
		live: Options{
			InstanceID: "test", Logger: slog.New(slog.DiscardHandler), Metrics: set,
			MaxConnections: 1000, MaxSubscriptions: 64, MaxMessageBytes: 4096,
			RequestRate: 1e6, RequestBurst: 1e6,
			Heartbeat: time.Hour, WriteTimeout: time.Hour, NotsentLowat: 16 << 10,
		},
		rule: &accessRule{},
	}
	for _, f := range change {
		f(&su)
	}
	core, err := shard.New(su.shard)
	if err != nil {
		t.Fatal(err)
	}
	su.live.Core, su.live.Writers, su.live.Access = core, su.shard.Writers, su.rule
	if su.access != nil {
		su.live.Access = su.access
	}
	srv, err := New(su.live)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, core: core, srv: srv, set: set, rule: su.rule, names: set.ListMetricNames(), liveDone: make(chan struct{}), latest: map[string]int64{}}
	r.clock.Store(time.Now().UnixMilli() - 1000_000)
	r.run(su)
	r.swap(roster)
	return r
}

// run starts the goroutines of the rig, and has the test's cleanup end them.
func (r *rig) run(su setup) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.addr = l.Addr().String()
	if su.wrap != nil {
		l = su.wrap(l)
	}
	mux := http.NewServeMux()
	mux.Handle("/live", r.srv)
	r.http = &http.Server{Handler: mux, ReadHeaderTimeout: su.headerTimeout, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	r.srv.TrackConnections(r.http)
	for _, w := range r.srv.writers {
		if su.plainOrder {
			w.order.limit = 0
		}
	}
	coreCtx, endCore := context.WithCancel(context.Background())
	liveCtx, endLive := context.WithCancel(context.Background())
	r.endLive = endLive
	var core, web sync.WaitGroup
	core.Go(func() { _ = r.core.Run(coreCtx) })
	go func() {
		defer close(r.liveDone)
		_ = r.srv.Run(liveCtx)
	}()
	web.Go(func() {
		if err := r.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(func() {
		_ = r.http.Close()
		web.Wait()
		r.stop()
		endCore()
		core.Wait()
	})
}

// stop ends the live server and checks what it leaves behind.
func (r *rig) stop() {
	r.t.Helper()
	r.endLive()
	select {
	case <-r.liveDone:
	case <-time.After(patience):
		r.t.Fatalf("Run did not return within %v; %d connections left", patience, r.srv.Connections())
	}
	if n := r.srv.Connections(); n != 0 {
		r.t.Errorf("%d connections are counted after the end", n)
	}
	if n := r.srv.sessions.Size(); n != 0 {
		r.t.Errorf("%d sessions are listed after the end", n)
	}
	if n := r.srv.m.subscriptions.Get(); n != 0 {
		r.t.Errorf("%v subscriptions are counted after the end", n)
	}
	for _, name := range r.set.ListMetricNames() { // whatever the test has provoked
		if !slices.Contains(r.names, name) {
			r.t.Errorf("%s was not there from the start", name)
		}
	}
}

// swap puts a roster in force.
func (r *rig) swap(roster map[string][]string) {
	r.t.Helper()
	var ro shard.Roster
	for e, devices := range roster {
		ro.Events = append(ro.Events, e)
		for _, d := range devices {
			ro.Pairs = append(ro.Pairs, shard.Pair{Device: d, Event: e})
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.core.Swap(ctx, ro); err != nil {
		r.t.Fatal(err)
	}
}

// publish sends one new position per device named, and returns the ts of the
// last one. Every ts is used once.
func (r *rig) publish(devices ...string) int64 {
	r.t.Helper()
	return r.publishWith("", devices...)
}

// publishWith is publish with attributes, to make the frames large.
func (r *rig) publishWith(attributes codec.Attributes, devices ...string) int64 {
	r.t.Helper()
	parts := make([]*shard.Batch, r.core.Shards())
	ts := int64(0)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range devices {
		ts = r.clock.Add(1)
		r.latest[d] = ts
		i := r.core.ShardOf(d)
		if parts[i] == nil {
			parts[i] = r.core.AcquireBatch()
		}
		parts[i].Positions = append(parts[i].Positions, codec.Position{
			DeviceID: d, TS: ts, Arrival: time.Now().UnixMilli(), Lat: latOf(ts), Lon: 5, Attributes: attributes,
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i, b := range parts {
		if b == nil {
			continue
		}
		if err := r.core.Deliver(ctx, i, b); err != nil {
			r.t.Error(err)
		}
	}
	return ts
}

// latOf ties a position's place to its time, so that a mix-up shows.
func latOf(ts int64) float64 { return float64(ts%90000) / 1000 }

// gone waits until the server has forgotten all but n connections.
func (r *rig) gone(n int) {
	r.t.Helper()
	testenv.Eventually(r.t, patience, "connections to end", func() bool { return r.srv.Connections() == n })
}
