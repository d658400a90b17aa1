package live

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
)

// BenchmarkQuietBesideHot reports the latency for 100 spectators of a quiet event
// (7 positions a second) while 9,000 watch a busy one (40 a second), whose drain
// passes take most of every window. It does so with the writers' order, in which
// small batches go first, and with plain order (first come, first served).
func BenchmarkQuietBesideHot(b *testing.B) {
	b.Run("few-first", func(b *testing.B) { quietBesideHot(b, false) })
	b.Run("plain", func(b *testing.B) { quietBesideHot(b, true) })
}

// sentAtPattern finds the times at which positions were sent (see deliver).
var sentAtPattern = regexp.MustCompile(`"type":"position"[^{}]*"ts":(\d+)`)

func quietBesideHot(b *testing.B, plain bool) {
	const hot, quiet, seconds = 9000, 100, 6
	r := start(b, map[string][]string{"e": deviceNames(40), "q": {"quiet"}}, func(su *setup) {
		su.plainOrder = plain
		su.shard.Window, su.live.WindowMax = 100*time.Millisecond, 2*time.Second
		su.live.MaxConnections = 2 * hot
	})
	r.startSubscribers(hot, handshake)
	var mu sync.Mutex
	var seen []int64 // ms
	var readers sync.WaitGroup
	for range quiet {
		w := r.rawClient()
		w.subscribe("q")
		readers.Go(func() {
			buf := make([]byte, 4096)
			for {
				n, err := w.conn.Read(buf)
				if err != nil {
					return
				}
				now := time.Now().UnixMilli()
				mu.Lock()
				for _, m := range sentAtPattern.FindAllSubmatch(buf[:n], -1) {
					ts, _ := strconv.ParseInt(string(m[1]), 10, 64)
					seen = append(seen, now-ts)
				}
				mu.Unlock()
			}
		})
		defer w.conn.Close()
	}
	for range b.N {
		var feeds sync.WaitGroup
		feeds.Go(func() { r.every(time.Second/40, 40*seconds, deviceNames(40)...) })
		tick := time.NewTicker(time.Second / 7)
		for range 7 * seconds {
			<-tick.C
			r.deliver("quiet")
		}
		tick.Stop()
		feeds.Wait()
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(seen)
	if len(seen) < quiet {
		b.Fatalf("%d positions were seen, want %d or more", len(seen), quiet)
	}
	ms := func(share float64) float64 { return float64(seen[int(share*float64(len(seen)-1))]) }
	b.ReportMetric(ms(0.5), "p50-ms")
	b.ReportMetric(ms(0.99), "p99-ms")
	b.ReportMetric(float64(len(seen))/float64(b.N), "seen/op")
	b.ReportMetric(0, "ns/op") // not of interest
}

// every delivers n positions of the devices in turn, one per gap.
func (r *rig) every(gap time.Duration, n int, devices ...string) {
	tick := time.NewTicker(gap)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		r.deliver(devices[i%len(devices)])
	}
}

// deliver delivers one position with the current time.
func (r *rig) deliver(device string) {
	now := time.Now().UnixMilli()
	batch := r.core.AcquireBatch()
	batch.Positions = append(batch.Positions, codec.Position{DeviceID: device, TS: now, Arrival: now, Lat: 1})
	if err := r.core.Deliver(context.Background(), r.core.ShardOf(device), batch); err != nil {
		r.t.Error(err)
	}
}
