package feed

import (
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

const heavyCount = 64

// slowLink returns a bench whose server is behind a proxy that can be throttled,
// the proxy, and the server.
func slowLink(t *testing.T) (*bench, *testenv.TCPProxy, *testenv.RedisServer) {
	s := testenv.Redis(t)
	p := testenv.Proxy(t, s.Addr())
	return newBench(t, "redis://"+p.Addr()), p, s
}

// addLarge adds records of 64 KiB, past the proxy.
func addLarge(s *testenv.RedisServer) {
	fill := strings.Repeat("x", 64<<10)
	for n := range heavyCount {
		s.Do(append([]string{"XADD", "s", "*", "fill", fill}, fix("a", n)...)...)
	}
}

// A full read would take longer than the server may be silent, at every attempt.
func TestReadTooLargeForTheLink(t *testing.T) {
	b, link, s := slowLink(t)
	f := b.feed(func(o *Options) { o.BatchCount, o.Block = heavyCount, 50*time.Millisecond })
	b.created(f)
	addLarge(s)
	link.Throttle(1 << 20) // a second: four of them for all
	b.background(f.Run)
	b.complete(heavyCount, []string{"a"})
}

// The same during the warm start, where a page that never comes would end it.
func TestWarmStartTooLargeForTheLink(t *testing.T) {
	b, link, s := slowLink(t)
	addLarge(s)
	f := b.feed(func(o *Options) { o.BatchCount, o.WarmTime = heavyCount, time.Minute })
	b.created(f)
	link.Throttle(700 << 10) // a second: six of them for all, five for a page
	begin := time.Now()
	if err := f.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d < 5*time.Second {
		t.Errorf("it took %v: every page came in time, and nothing was shown", d)
	}
	if _, _, warm := b.sink.counts(); warm != heavyCount {
		t.Errorf("%d warm records, want %d", warm, heavyCount)
	}
	b.sink.check(t)
}

// An entry that takes longer than any fixed deadline, and one that is longer than a
// reply may be, stop neither the reader nor the warm start.
func TestEntryTooLarge(t *testing.T) {
	for _, tt := range []struct {
		name    string
		bytes   int
		rate    int // of the link, in bytes a second
		skipped string
	}{
		{"8 MiB over 1.5 MiB/s", 8 << 20, 1500 << 10, "0"},
		{"more than a reply may be", 66 << 20, 0, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, link, s := slowLink(t)
			f := b.feed(nil)
			b.created(f)
			publish(t, b.client, "s", 0, 5, "a")
			s.Do(append([]string{"XADD", "s", "*", "fill", strings.Repeat("x", tt.bytes)}, "device_id", "large")...)
			publish(t, b.client, "s", 5, 10, "a")
			link.Throttle(tt.rate)
			b.background(f.Run)
			b.complete(10, []string{"a"})
			link.Throttle(0)
			if got := b.metric(`processor_live_stream_skipped_total{stream="s"}`); got != tt.skipped {
				t.Errorf("%s entries were skipped, want %s", got, tt.skipped)
			}
		})
	}
}

// The records before the large entry are delivered as well.
func TestWarmStartSkipsAnEntryTooLarge(t *testing.T) {
	b, link, s := slowLink(t)
	publish(t, b.client, "s", 0, 5, "a")
	s.Do("XADD", "s", "*", "fill", strings.Repeat("x", 8<<20))
	f := b.feed(func(o *Options) { o.BatchCount, o.WarmTime = 1, time.Minute })
	b.created(f)
	link.Throttle(1 << 20)
	if err := f.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, warm := b.sink.counts(); warm != 5 {
		t.Errorf("%d warm records, want 5", warm)
	}
}
