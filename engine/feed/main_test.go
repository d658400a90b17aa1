package feed

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/alicebob/miniredis/v2"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// bench is a test bench: a server, a client of the test, and what the feeds of the
// test share.
type bench struct {
	t      *testing.T
	url    string
	client *redis.Client
	sink   *sink
	set    *metrics.Set
	log    *logBuffer

	// addAt adds a record with the given id.
	addAt func(stream, id string, fields []string)
}

// onEachServer runs fn with redis-server, with the embedded server, and with a
// Cluster.
func onEachServer(t *testing.T, fn func(t *testing.T, b *bench)) {
	t.Helper()
	t.Run("redis-server", func(t *testing.T) {
		s := testenv.Redis(t)
		b := newBench(t, s.URL())
		b.addAt = func(stream, id string, fields []string) {
			s.Do(append([]string{"XADD", stream, id}, fields...)...)
		}
		fn(t, b)
	})
	t.Run("embedded", func(t *testing.T) {
		m := miniredis.RunT(t)
		m.ClockTTL(true) // as package embedded runs it
		b := newBench(t, "redis://"+m.Addr())
		b.addAt = func(stream, id string, fields []string) {
			if _, err := m.XAdd(stream, id, fields); err != nil {
				t.Fatal(err)
			}
		}
		fn(t, b)
	})
	t.Run("cluster", func(t *testing.T) {
		c := testenv.SharedRedisCluster(t)
		b := newBench(t, c.URL())
		b.addAt = func(stream, id string, fields []string) {
			c.Owner(stream).Do(append([]string{"XADD", stream, id}, fields...)...)
		}
		fn(t, b)
	})
}

func newBench(t *testing.T, url string) *bench {
	t.Helper()
	return &bench{t: t, url: url, client: open(t, url), sink: newSink(), set: metrics.NewSet(), log: new(logBuffer)}
}

// open opens a client that is closed with the test.
func open(t testing.TB, url string) *redis.Client {
	t.Helper()
	c, err := redis.Open(t.Context(), redis.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// feed returns a feed of stream "s" with the instance id "one". change, if not nil,
// adjusts the options.
func (b *bench) feed(change func(*Options)) *Feed {
	o := Options{
		Client: b.client, Streams: []string{"s"}, Sink: b.sink, Limits: codec.DefaultLimits(),
		Logger: slog.New(slog.NewTextHandler(b.log, nil)), Metrics: b.set,
		InstanceID: "one", LeaseTTL: 500 * time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	return New(o)
}

// prepare takes the lease of f and creates its groups. The lease is renewed until the
// test ends or stopLease is called.
func (b *bench) prepare(f *Feed) (stopLease func() error) {
	b.t.Helper()
	if err := f.AcquireLease(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	stopLease = b.background(f.KeepLease)
	if err := f.CreateGroups(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return stopLease
}

// start prepares f and runs it until the test ends. stop ends it earlier and returns
// the errors of Run and KeepLease.
func (b *bench) start(f *Feed) (stop func() error) {
	b.t.Helper()
	stopLease := b.prepare(f)
	stopRun := b.background(f.Run)
	return func() error { return errors.Join(stopRun(), stopLease()) }
}

// background runs fn until the test ends. stop ends it earlier and returns its
// error.
func (b *bench) background(fn func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- fn(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	b.t.Cleanup(func() { _ = stop() })
	return stop
}

// metric returns the value of a metric as in /metrics, "" when there is none.
func (b *bench) metric(name string) string {
	var text bytes.Buffer
	b.set.WritePrometheus(&text)
	for line := range strings.SplitSeq(text.String(), "\n") {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return v
		}
	}
	return ""
}

// eventually waits for a condition, long enough for a busy machine.
func (b *bench) eventually(what string, cond func() bool) {
	b.t.Helper()
	testenv.Eventually(b.t, 2*time.Minute, what, cond)
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// count returns how many lines contain all of the parts.
func (l *logBuffer) count(parts ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
lines:
	for line := range strings.SplitSeq(l.buf.String(), "\n") {
		for _, p := range parts {
			if !strings.Contains(line, p) {
				continue lines
			}
		}
		n++
	}
	return n
}
