package feed

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/redis"
)

// clockTest feeds a clockDifference with chosen times.
type clockTest struct {
	t   *testing.T
	d   *clockDifference
	log *logBuffer
	now time.Time
}

func newClockTest(t *testing.T) *clockTest {
	log := new(logBuffer)
	d := newClockDifference(5*time.Second, slog.New(slog.NewTextHandler(log, nil)), metrics.NewSet().GetOrCreateGauge("g", nil))
	return &clockTest{t: t, d: d, log: log, now: time.Now()}
}

// read simulates a read some time after the last one. Its last entry has the given
// age by this machine's clock.
func (s *clockTest) read(after, age time.Duration, emptied bool) {
	s.now = s.now.Add(after)
	s.d.observe(s.now, redis.ID{Ms: uint64(s.now.Add(-age).UnixMilli())}, emptied)
}

func (s *clockTest) want(what string, d time.Duration) {
	s.t.Helper()
	if got := time.Duration(s.d.effective()) * time.Millisecond; got != d {
		s.t.Errorf("%s: the difference is %v, want %v", what, got, d)
	}
}

func TestClockDifference(t *testing.T) {
	s := newClockTest(t)
	for range 10 {
		s.read(time.Second, 20*time.Millisecond, true)
	}
	s.want("clocks that agree", 0)
	s.read(time.Second, 4*time.Second, true)
	s.want("one slow read", 0)

	// The server's clock is 60 s slow. The minimum shows it after a minute.
	for range 59 {
		s.read(time.Second, time.Minute+30*time.Millisecond, true)
	}
	s.want("less than a minute later", 0)
	for range 3 {
		s.read(time.Second, time.Minute+30*time.Millisecond, true)
	}
	s.want("a minute later", time.Minute+30*time.Millisecond)
	s.read(time.Second, time.Minute+10*time.Millisecond, true)
	s.want("a faster read", time.Minute+10*time.Millisecond)
	if n := s.log.count("level=WARN", "differs", "1m0.03s"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}

	// The clock is corrected: a smaller difference counts at once.
	s.read(time.Second, 10*time.Millisecond, true)
	s.want("a corrected clock", 0)
	if n := s.log.count("level=INFO", "agrees"); n != 1 {
		t.Errorf("%d lines say that the clocks agree again, want 1", n)
	}

	// The server's clock is fast.
	s.read(time.Second, -time.Minute, true)
	s.want("a fast clock", -time.Minute)
}

// Only after a read that emptied the stream is the next entry known to be new. A
// reader with a backlog keeps its difference.
func TestClockDifferenceIgnoresOldEntries(t *testing.T) {
	s := newClockTest(t)
	s.read(time.Second, time.Hour, true)
	s.want("the first read, whose entry may have any age", 0)
	s.read(time.Second, time.Hour, false)
	s.read(time.Second, time.Hour, true)
	s.want("the read that ends the backlog", 0)
	s.read(time.Minute, time.Hour, true)
	s.want("a read after a minute without reads", 0)
	s.read(time.Second, time.Hour, true)
	s.want("an entry that is known to be new", time.Hour)
	for range 300 {
		s.read(time.Second, 2*time.Hour, false)
	}
	s.want("reads of a backlog", time.Hour)
	s.d.forget()
	s.read(time.Second, 0, true)
	s.want("the first read from another server", time.Hour)
	s.read(time.Second, 0, true)
	s.want("the second read from another server", 0)
}

// The ids imply that the server's clock is a minute slow. Batches carry the difference
// as soon as it has been measured.
func TestBatchesCarryTheClockDifference(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(func(o *Options) { o.FutureTolerance = 5 * time.Second })
		b.start(f)
		n := 0
		b.eventually("a batch with the difference", func() bool {
			id := fmt.Sprintf("%d-%d", time.Now().Add(-time.Minute).UnixMilli(), n)
			b.addAt("s", id, fix("d", n))
			n++
			b.eventually("the record", func() bool { return b.sink.has("d", n) })
			d := b.sink.difference()
			return d >= 60_000 && d < 90_000 && f.Difference() >= time.Minute
		})
		b.sink.check(t)
		if got := b.metric(`processor_live_stream_clock_difference_ms{stream="s"}`); len(got) < 5 {
			t.Errorf("the metric is %q", got)
		}
	})
}

// The server is asked for its time at start, before the first entry.
func TestClockDifferenceAtStart(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(func(o *Options) { o.FutureTolerance = time.Nanosecond })
		f.readers[0].clock.set(12345)
		b.prepare(f)
		if d := f.Difference(); d == 12345*time.Millisecond || d.Abs() > 10*time.Second {
			t.Errorf("the difference to a server on this machine is %v", d)
		}
	})
}

// After a server's clock was set back, its ids stay ahead of it. At start the last id
// is used, not the clock.
func TestClockDifferenceAtStartWithStuckIDs(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		ahead := time.Now().Add(time.Minute)
		b.addAt("s", fmt.Sprintf("%d-0", ahead.UnixMilli()), fix("d", 0))
		f := b.feed(func(o *Options) { o.FutureTolerance = time.Second })
		b.prepare(f)
		if d := f.Difference(); d > time.Until(ahead)*-1+5*time.Second || d < -time.Minute-5*time.Second {
			t.Errorf("the difference is %v", d)
		}
	})
}
