package feed

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

func TestLag(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	add := func(id string) { s.Do("XADD", "s", id, "a", "1") }
	r := b.feed(nil).readers[0]
	for _, step := range []struct {
		name string
		do   func()
		read redis.ID
		want int64
	}{
		{"no stream", func() {}, redis.ID{}, 0},
		{"group at the end of an empty stream", func() { add("1000-0"); add("4000-0") }, redis.ID{}, 3000},
		{"one read", func() {}, redis.ID{Ms: 1000}, 3000},
		{"all read", func() {}, redis.ID{Ms: 4000}, 0},
		{"more in the same millisecond", func() { add("4000-1") }, redis.ID{Ms: 4000}, 1},
		{"all of it read", func() {}, redis.ID{Ms: 4000, Seq: 1}, 0},
		{"behind", func() { add("9500-0") }, redis.ID{Ms: 4000, Seq: 1}, 5500},
		{"newest deleted and unread", func() { s.Do("XDEL", "s", "9500-0") }, redis.ID{Ms: 4000, Seq: 1}, 5500},
		{"position beyond the stream", func() {}, redis.ID{Ms: 20_000}, 0},
		{"empty stream that had entries", func() { s.Do("XTRIM", "s", "MAXLEN", "0") }, redis.ID{}, 0},
	} {
		step.do()
		r.setPosition(step.read)
		if got, err := r.lag(t.Context()); err != nil || got != step.want {
			t.Errorf("%s: lag %d, %v, want %d", step.name, got, err, step.want)
		}
	}
}

// An entry after a long silence is no lag while there is time to read it.
func TestANewEntryIsNoLagYet(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	r := b.feed(nil).readers[0]
	r.grace = 20 * time.Second
	s.Do("XADD", "s", "1000-0", "a", "1")
	s.Do("XADD", "s", "9000000-0", "a", "1")
	r.setPosition(redis.ID{Ms: 1000})
	lag := make(chan int64, 1)
	go func() {
		got, _ := r.lag(context.Background())
		lag <- got
	}()
	b.eventually("the lag to be asked for", func() bool {
		return strings.Contains(s.Do("INFO", "commandstats").(string), "cmdstat_xinfo|stream:calls=1")
	})
	r.setPosition(redis.ID{Ms: 9000000})
	if got := <-lag; got != 0 {
		t.Errorf("lag %d for an entry that was read at once", got)
	}
}

// The gauge follows a reader that is held up and catches up again, and an
// entry after a long silence is no lag.
func TestLagGauge(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		const name = `processor_live_stream_lag_ms{stream="s"}`
		publish(t, b.client, "s", 0, 1, "old")
		gauge := func() (v float64) {
			if _, err := fmt.Sscan(b.metric(name), &v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return v
		}
		unblock := b.sink.block()
		b.running(b.feed(func(o *Options) { o.LagEvery = 20 * time.Millisecond }))
		if v := gauge(); v != 0 {
			t.Errorf("lag %v before the first measurement", v)
		}
		n := 0
		b.eventually("the lag of a reader that is held up", func() bool {
			publish(t, b.client, "s", n, n+1, "a")
			n++
			return gauge() > 300
		})
		unblock()
		b.eventually("no lag", func() bool { return gauge() == 0 })
		b.complete(n, []string{"a"})
	})
}
