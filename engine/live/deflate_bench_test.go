package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// BenchmarkSpectators sends one position of each device to 1,000 spectators in
// another process; one operation is one flush. What is reported is of this
// process, the server's: CPU time with the kernel's, and bytes written.
func BenchmarkSpectators(b *testing.B) {
	const spectators = 1000
	for _, devices := range []int{5, 50, 500} {
		for _, shape := range shapesOf {
			b.Run(fmt.Sprintf("%d devices/%s", devices, shape.name), func(b *testing.B) {
				list := names(devices)
				r := start(b, map[string][]string{"e": list})
				r.swarm(spectators, shake(shape.query, shape.headers...))
				rng := rand.New(rand.NewPCG(1, 2))
				send := func() {
					want := r.srv.m.deliveries.Get() + uint64(devices*spectators)
					r.drive(rng, list)
					testenv.Eventually(b, patience, "all deliveries", func() bool { return r.srv.m.deliveries.Get() >= want })
				}
				send()
				bytes, deliveries, cpu := r.srv.m.bytes.Get(), float64(0), cpuTime(b)
				b.ResetTimer()
				for range b.N {
					send()
					deliveries += float64(devices * spectators)
				}
				b.StopTimer()
				b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/deliveries, "cpu-ns/delivery")
				b.ReportMetric(float64(r.srv.m.bytes.Get()-bytes)/deliveries, "B/delivery")
			})
		}
	}
}

// drive publishes one position per device.
func (r *rig) drive(rng *rand.Rand, devices []string) {
	ts := r.clock.Add(1000)
	for i := range r.core.Shards() {
		batch := r.core.AcquireBatch()
		for _, d := range devices {
			if r.core.ShardOf(d) != i {
				continue
			}
			batch.Positions = append(batch.Positions, onTheRoad(rng, d, ts))
		}
		if err := r.core.Deliver(context.Background(), i, batch); err != nil {
			r.t.Fatal(err)
		}
	}
}

// onTheRoad is what a tracker in a car sends within a second of ts.
func onTheRoad(rng *rand.Rand, device string, ts int64) codec.Position {
	return codec.Position{
		DeviceID: device, TS: ts + rng.Int64N(1000), Arrival: ts,
		Lat: 57 + float64(rng.IntN(1e6))/1e7, Lon: 11 + float64(rng.IntN(1e6))/1e7, Alt: float64(rng.IntN(300)),
		Speed: float64(rng.IntN(400)) / 10, Course: float64(rng.IntN(3600)) / 10, Sats: 5 + rng.Int32N(12),
		Has:        codec.HasAlt | codec.HasSpeed | codec.HasCourse | codec.HasSats,
		Attributes: codec.Attributes(fmt.Sprintf(`{"battery":%d,"moving":true}`, rng.IntN(100))),
	}
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDeflater compresses one positions frame of n devices.
func BenchmarkDeflater(b *testing.B) {
	topic := codec.NewTopic("event:grand-raid")
	for _, n := range []int{1, 3, 10, 50, 500} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			src, mark := topic.BeginPositions(nil)
			for i := range n {
				p := onTheRoad(rng, fmt.Sprintf("86012345678%04d", i), 1_700_000_000_000)
				src = topic.AppendItem(src, codec.AppendBody(nil, &p, p.TS))
			}
			src = topic.EndPositions(src, mark)
			d := NewDeflater()
			dst := d.Append(nil, src)
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				dst = d.Append(dst[:0], src)
			}
			b.ReportMetric(float64(len(src)), "in-B")
			b.ReportMetric(float64(len(dst)), "out-B")
		})
	}
}
