package feed

import (
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// largeCount is how many records addLarge adds.
const largeCount = 64

// slowLink returns a bench that reaches its server through a proxy, the proxy, which
// can be throttled, and the server.
func slowLink(t *testing.T) (*bench, *testenv.TCPProxy, *testenv.RedisServer) {
	s := testenv.Redis(t)
	p := testenv.Proxy(t, s.Addr())
	return newBench(t, "redis://"+p.Addr()), p, s
}

// addLarge adds records of 64 KiB, not through the proxy.
func addLarge(s *testenv.RedisServer) {
	fill := strings.Repeat("x", 64<<10)
	for n := range largeCount {
		s.Do(append([]string{"XADD", "s", "*", "fill", fill}, fix("a", n)...)...)
	}
}

// A full read would take longer than the server may be silent, at every attempt.
func TestReadTooLargeForTheLink(t *testing.T) {
	b, link, s := slowLink(t)
	f := b.feed(func(o *Options) { o.BatchCount, o.Block = largeCount, 50*time.Millisecond })
	b.prepare(f)
	addLarge(s)
	link.Throttle(1 << 20) // bytes per second: all records take four seconds
	b.background(f.Run)
	b.wantRecords(largeCount, []string{"a"})
}

// The same during the warm start.
func TestWarmStartTooLargeForTheLink(t *testing.T) {
	b, link, s := slowLink(t)
	addLarge(s)
	f := b.feed(func(o *Options) { o.BatchCount, o.WarmTime = largeCount, time.Minute })
	b.prepare(f)
	link.Throttle(700 << 10) // bytes per second: all records take six seconds, longer than the deadline of a page
	begin := time.Now()
	if err := f.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d < 5*time.Second {
		t.Errorf("it took %v: every page arrived in time, and the test proves nothing", d)
	}
	if _, _, warm := b.sink.counts(); warm != largeCount {
		t.Errorf("%d warm records, want %d", warm, largeCount)
	}
	b.sink.check(t)
}

// An entry may take longer than any fixed deadline, or be longer than a reply may be.
// Neither stops the reader.
func TestEntryTooLarge(t *testing.T) {
	for _, tt := range []struct {
		name    string
		bytes   int
		rate    int // of the link, in bytes per second
		skipped string
	}{
		{"8 MiB over 1.5 MiB/s", 8 << 20, 1500 << 10, "0"},
		{"more than a reply may be", 66 << 20, 0, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, link, s := slowLink(t)
			f := b.feed(nil)
			b.prepare(f)
			publish(t, b.client, "s", 0, 5, "a")
			s.Do(append([]string{"XADD", "s", "*", "fill", strings.Repeat("x", tt.bytes)}, "device_id", "large")...)
			publish(t, b.client, "s", 5, 10, "a")
			link.Throttle(tt.rate)
			b.background(f.Run)
			b.wantRecords(10, []string{"a"})
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
	b.prepare(f)
	link.Throttle(1 << 20)
	if err := f.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, warm := b.sink.counts(); warm != 5 {
		t.Errorf("%d warm records, want 5", warm)
	}
}
