package shard

import (
	"fmt"
	"testing"
	"time"

	"pitwall/codec"
)

// BenchmarkSlowReaders measures a shard with one event of 500 devices and 10,000 connections.
// None or 1,000 of them read at a tenth of the rate and lag all the time. One operation is
// one window of 100 ms, in which 50 devices report. The work of the writers is not counted.
// bodies is the number of bodies that are encoded in a window, conflated the number of
// updates that each slow connection misses in a window.
func BenchmarkSlowReaders(b *testing.B) {
	for _, slow := range []int{0, 1000} {
		b.Run(fmt.Sprintf("slow=%d", slow), func(b *testing.B) { benchSlowReaders(b, slow) })
	}
}

func benchSlowReaders(b *testing.B, slow int) {
	const devices, reporting, connections = 500, 50, 10_000
	r := newRig(b, Config{Shards: 1, RingBytes: 64 << 10})
	ro, names := pairs(devices, 1)
	r.swapRoster(ro)
	r.settle()
	t, _ := r.core.Watch("event-00000")
	conns := make([]*Conn, connections)
	losses := make([]Losses, connections)
	for i := range conns {
		conns[i] = r.core.NewConn(0, false, nil)
		r.core.Subscribe(conns[i], t, 0, func() {})
	}
	r.settle()
	w, built := r.core.workers[0], uint64(0)
	ts, conflated := int64(base), uint64(0)
	var spent time.Duration
	window := func(n int) {
		ts += 100
		r.pass(100 * time.Millisecond)
		batch := r.core.AcquireBatch()
		for i := range reporting {
			d := names[(n*reporting+i)%devices]
			batch.Positions = append(batch.Positions, codec.Position{DeviceID: d, TS: ts, Arrival: ts, Lat: 57.1, Lon: 11.9, Attributes: `{"battery":87,"moving":true}`})
		}
		start := time.Now()
		for next := w.turn(batch); next <= r.now; next = w.turn(nil) {
		}
		spent += time.Since(start)
		for i, c := range conns {
			if i >= slow {
				drain(c)
			} else if (i+n)%10 == 0 {
				conflated += readSome(c, &losses[i])
			}
		}
	}
	for n := range 100 {
		window(n)
	}
	spent, conflated, built = 0, 0, w.stats.counts[countBuilt].Load()
	b.ResetTimer()
	for n := range b.N {
		window(n)
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "shard-µs/window")
	b.ReportMetric(float64(w.stats.counts[countBuilt].Load()-built)/float64(b.N), "bodies/window")
	if slow > 0 {
		b.ReportMetric(float64(conflated)/float64(slow)/float64(b.N), "conflated/window")
	}
	b.ReportMetric(0, "ns/op")
}

// readSome is a turn of a slow reader: it takes the chunk of one window. If the connection
// has lagged, it drops the rest and then recovers.
func readSome(c *Conn, l *Losses) (conflated uint64) {
	takeAll(c.core.queues[c.writer])
	if c.Lagged() {
		takeEach(c, func(ch *Chunk) {
			if l.Drop(ch, 0) {
				conflated += uint64(ch.records)
			}
		})
		c.consumer().Recover(l)
	} else if ch := c.consumer().Take(); ch != nil {
		c.consumer().Release(ch)
	}
	c.active().Rest()
	return conflated
}
