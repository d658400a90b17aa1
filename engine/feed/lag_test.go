package feed

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// The lag is the age of the first unread entry by the server's clock. It grows
// while nothing new arrives.
func TestLag(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	add := func(id string) { s.Do("XADD", "s", id, "a", "1") }
	r := b.feed(nil).readers[0]
	for _, step := range []struct {
		name  string
		do    func()
		read  redis.ID
		since int64 // time of the first unread entry, 0 when all have been read
	}{
		{"no stream", func() {}, redis.ID{}, 0},
		{"group at the end of an empty stream", func() { add("1000-0"); add("4000-0") }, redis.ID{}, 1000},
		{"one read", func() {}, redis.ID{Ms: 1000}, 4000},
		{"all read", func() {}, redis.ID{Ms: 4000}, 0},
		{"more in the same millisecond", func() { add("4000-1") }, redis.ID{Ms: 4000}, 4000},
		{"all of it read", func() {}, redis.ID{Ms: 4000, Seq: 1}, 0},
		{"two more", func() { add("9500-0"); add("9600-0") }, redis.ID{Ms: 4000, Seq: 1}, 9500},
		{"the first of them deleted", func() { s.Do("XDEL", "s", "9500-0") }, redis.ID{Ms: 4000, Seq: 1}, 9600},
		{"position beyond the stream", func() {}, redis.ID{Ms: 20_000}, 0},
		{"empty stream that had entries", func() { s.Do("XTRIM", "s", "MAXLEN", "0") }, redis.ID{}, 0},
	} {
		step.do()
		r.setPosition(step.read)
		before := serverMS(t, b.client)
		got, err := r.lag(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		after := serverMS(t, b.client)
		switch ms := got.Milliseconds(); {
		case step.since == 0 && ms != 0:
			t.Errorf("%s: lag %v, want none", step.name, got)
		case step.since != 0 && (ms < before-step.since || ms > after-step.since):
			t.Errorf("%s: lag %d ms, want %d to %d", step.name, ms, before-step.since, after-step.since)
		}
	}
}

func serverMS(t *testing.T, c *redis.Client) int64 {
	t.Helper()
	now, err := c.Time(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	return now.UnixMilli()
}

// Each stream has its own lag. That of an unread stream grows while the other's stays
// low. Both grow while the server is away.
func TestLagIsPerStreamAndGrowsWhileTheServerIsAway(t *testing.T) {
	s := testenv.Redis(t, testenv.AOF())
	b := newBench(t, s.URL())
	f := b.feed(func(o *Options) {
		o.Streams = []string{"s", "unread"}
		o.LagEvery, o.Block = 20*time.Millisecond, 50*time.Millisecond
	})
	b.prepare(f)
	s.Do("XADD", "unread", "*", "a", "1")
	unread := f.readers[1]
	b.background(func(ctx context.Context) error { unread.measureLag(ctx, f.opt.LagEvery); return nil })
	f.readers = f.readers[:1] // Run does not read the other
	b.background(f.Run)
	lag := func(stream string) (v float64) {
		fmt.Sscan(b.metric(`processor_live_stream_lag_ms{stream="`+stream+`"}`), &v)
		return v
	}
	n, last := 0, 0.0
	for range 3 {
		b.eventually("the lag of the unread stream to grow", func() bool {
			publish(t, b.client, "s", n, n+1, "a")
			n++
			return lag("unread") > last
		})
		last = lag("unread")
	}
	b.wantRecords(n, []string{"a"})
	b.eventually("the other stream to have no lag", func() bool { return lag("s") == 0 })

	s.Stop()
	for _, stream := range []string{"s", "unread"} {
		last := lag(stream)
		b.eventually("the lag of "+stream+" to grow without a server", func() bool { return lag(stream) > last })
	}
	s.Start()
	b.eventually("the lag to be 0", func() bool { return lag("s") == 0 })
}

// The gauge follows a reader that is blocked and then catches up. An old entry that
// has been read is no lag.
func TestLagGauge(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		const name = `processor_live_stream_lag_ms{stream="s"}`
		publish(t, b.client, "s", 0, 1, "old")
		gauge := func() (v float64) {
			if _, err := fmt.Sscan(b.metric(name), &v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return v
		}
		unblock := b.sink.block()
		b.start(b.feed(func(o *Options) { o.LagEvery = 20 * time.Millisecond }))
		if v := gauge(); v != 0 {
			t.Errorf("lag %v before the first measurement", v)
		}
		n := 0
		b.eventually("the lag of a blocked reader", func() bool {
			publish(t, b.client, "s", n, n+1, "a")
			n++
			return gauge() > 300
		})
		unblock()
		b.eventually("the lag to be 0", func() bool { return gauge() == 0 })
		b.wantRecords(n, []string{"a"})
	})
}
