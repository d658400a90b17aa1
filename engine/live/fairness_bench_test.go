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

// BenchmarkQuietBesideHot reports when 100 spectators of a quiet event (7
// positions a second) see a position, beside 9,000 of a hot one (40 a second)
// whose drain passes take most of every window: in the writers' order, and in the
// plain one.
func BenchmarkQuietBesideHot(b *testing.B) {
	b.Run("few-first", func(b *testing.B) { quietBesideHot(b, false) })
	b.Run("plain", func(b *testing.B) { quietBesideHot(b, true) })
}

// sentAt finds when the positions of some frames were sent (see deliver).
var sentAt = regexp.MustCompile(`"type":"position"[^{}]*"ts":(\d+)`)

func quietBesideHot(b *testing.B, plain bool) {
	const hot, quiet, seconds = 9000, 100, 6
	r := start(b, map[string][]string{"e": names(40), "q": {"quiet"}}, func(su *setup) {
		su.plainOrder = plain
		su.shard.Window, su.live.WindowMax = 100*time.Millisecond, 2*time.Second
		su.live.MaxConnections = 2 * hot
	})
	r.swarm(hot, handshake)
	var mu sync.Mutex
	var seen []int64 // ms
	var readers sync.WaitGroup
	for range quiet {
		w := r.wire()
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
				for _, m := range sentAt.FindAllSubmatch(buf[:n], -1) {
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
		feeds.Go(func() { r.every(time.Second/40, 40*seconds, names(40)...) })
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
		b.Fatalf("%d positions were seen", len(seen))
	}
	ms := func(share float64) float64 { return float64(seen[int(share*float64(len(seen)-1))]) }
	b.ReportMetric(ms(0.5), "p50-ms")
	b.ReportMetric(ms(0.99), "p99-ms")
	b.ReportMetric(float64(len(seen))/float64(b.N), "seen/op")
	b.ReportMetric(0, "ns/op") // of no interest here
}

// every delivers one position of the devices in turn.
func (r *rig) every(gap time.Duration, n int, devices ...string) {
	tick := time.NewTicker(gap)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		r.deliver(devices[i%len(devices)])
	}
}

// deliver sends one position, with the time of now.
func (r *rig) deliver(device string) {
	now := time.Now().UnixMilli()
	batch := r.core.AcquireBatch()
	batch.Positions = append(batch.Positions, codec.Position{DeviceID: device, TS: now, Arrival: now, Lat: 1})
	if err := r.core.Deliver(context.Background(), r.core.ShardOf(device), batch); err != nil {
		r.t.Error(err)
	}
}
