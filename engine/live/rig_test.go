package live

import (
	"context"
	"errors"
	"fmt"
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

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// eventually waits until cond holds. what completes "waited for".
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	testenv.Eventually(t, patience, what, cond)
}

// accessRule is an Access that lets everybody connect, and watch all events but
// the denied ones.
type accessRule struct {
	private      bool                                           // not all events are public
	status       int                                            // if not 0, every handshake is refused with it
	denied       map[string]bool                                // events that nobody may watch
	ask          func(context.Context, string) error            // if not nil, Ask calls it for every subscribe
	authenticate func(*http.Request) (identity any, status int) // if not nil, it answers instead of status
}

func (d *accessRule) Authenticate(r *http.Request) (identity any, status int) {
	if d.authenticate != nil {
		return d.authenticate(r)
	}
	return nil, d.status
}

func (d *accessRule) Decide(_ any, event string) (allowed bool, key string, err error) {
	if d.ask != nil {
		return false, event, nil
	}
	return !d.denied[event], "", nil
}

func (d *accessRule) Ask(ctx context.Context, _ any, event string, _ bool) (bool, error) {
	if err := d.ask(ctx, event); err != nil {
		return false, err
	}
	return !d.denied[event], nil
}

func (d *accessRule) AllPublic() bool { return !d.private }

// setup is what a test may change before the rig starts.
type setup struct {
	shard  shard.Config
	live   Options
	rule   *accessRule
	access Access                          // instead of rule
	wrap   func(net.Listener) net.Listener // wraps the listener of the HTTP server

	headerTimeout time.Duration // of the HTTP server; 0: none
	plainOrder    bool          // the writers serve first come, first served
	unserved      bool          // Run is called only by serve; see startUnserved
}

// rig is a running core and live server with an HTTP server on a port of its
// own.
type rig struct {
	t     testing.TB
	core  *shard.Core
	srv   *Server
	set   *metrics.Set
	addr  string
	http  *http.Server
	rule  *accessRule
	names []string // of the metrics, before the first connection

	endLive  context.CancelFunc
	liveDone chan struct{}

	clock  atomic.Int64 // ts of the next position, ms
	mu     sync.Mutex
	latest map[string]int64 // device -> ts of the last position published
}

// start runs a rig with the events and devices of the roster, 2 shards and 2
// writers, until the test ends. Its cleanup checks that Run returns.
func start(t testing.TB, roster map[string][]string, change ...func(*setup)) *rig {
	t.Helper()
	set := metrics.NewSet()
	su := setup{
		shard: shard.Config{Shards: 2, Writers: 2, Window: 5 * time.Millisecond, FutureTolerance: 5 * time.Second, Deflate: NewDeflater},
		live: Options{
			InstanceID: "test", Logger: slog.New(slog.DiscardHandler), Metrics: set,
			Bounds:          Bounds{MaxConnections: 1000, MaxSubscriptions: 64, RequestRate: 1e6, RequestBurst: 1e6},
			MaxMessageBytes: 4096,
			Heartbeat:       time.Hour, WriteTimeout: time.Hour, NotsentLowat: 16 << 10,
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
	r.setRoster(roster)
	return r
}

// startUnserved starts a rig with one shard, and event e with device a, whose live
// server does not run before serve is called. Connections are upgraded and read,
// but nothing is written and no request is carried out, so a test can take these
// steps one at a time.
func startUnserved(t *testing.T, change ...func(*setup)) *rig {
	t.Helper()
	return start(t, map[string][]string{"e": {"a"}}, append([]func(*setup){func(su *setup) {
		su.shard.Shards, su.shard.Writers, su.unserved = 1, 1, true
	}}, change...)...)
}

// run starts the goroutines of the rig. The test's cleanup ends them.
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
	var core, web sync.WaitGroup
	core.Go(func() { _ = r.core.Run(coreCtx) })
	if !su.unserved {
		r.serve()
	}
	web.Go(func() {
		if err := r.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(func() {
		_ = r.http.Close()
		web.Wait()
		r.serve()
		r.stop()
		endCore()
		core.Wait()
	})
}

// serve runs the live server until the test ends, unless it runs already.
func (r *rig) serve() {
	if r.endLive != nil {
		return
	}
	var ctx context.Context
	ctx, r.endLive = context.WithCancel(context.Background())
	go func() {
		defer close(r.liveDone)
		_ = r.srv.Run(ctx)
	}()
}

// stop ends the live server and checks that nothing is left.
func (r *rig) stop() {
	r.t.Helper()
	r.endLive()
	select {
	case <-r.liveDone:
	case <-time.After(patience):
		r.t.Fatalf("Run did not return within %v; %d connections left", patience, r.srv.Connections())
	}
	if n := r.srv.Connections(); n != 0 {
		r.t.Errorf("%d connections are counted after the end, want 0", n)
	}
	if n := r.srv.sessions.Size(); n != 0 {
		r.t.Errorf("%d sessions are listed after the end, want 0", n)
	}
	if n := r.srv.m.subscriptions.Get(); n != 0 {
		r.t.Errorf("%v subscriptions are counted after the end, want 0", n)
	}
	// Every metric is there from the start, whatever the test has caused.
	for _, name := range r.set.ListMetricNames() {
		if !slices.Contains(r.names, name) {
			r.t.Errorf("metric %s was added after the start", name)
		}
	}
}

// setRoster puts a roster in force.
func (r *rig) setRoster(roster map[string][]string) {
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

// publish sends one new position of each device, and returns the ts of the last
// one. Every ts is used once.
func (r *rig) publish(devices ...string) int64 {
	r.t.Helper()
	return r.publishWith("", devices...)
}

// publishWith is publish with attributes, which make the frames large.
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

// latOf derives the latitude from the time, so that a frame that mixes two
// positions is noticed.
func latOf(ts int64) float64 { return float64(ts%90000) / 1000 }

// awaitConnections waits until the server has n connections.
func (r *rig) awaitConnections(n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d connections", n), func() bool { return r.srv.Connections() == n })
}
