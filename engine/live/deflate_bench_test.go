package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/codec"
)

// BenchmarkSpectators sends one position of each device to 1,000 spectators in
// another process. One operation is one flush. It reports the CPU time of this
// process, the server's, with system time, and the bytes written.
func BenchmarkSpectators(b *testing.B) {
	const spectators = 1000
	for _, devices := range []int{5, 50, 500} {
		for _, enc := range encodings {
			b.Run(fmt.Sprintf("%d devices/%s", devices, enc.name), func(b *testing.B) {
				list := deviceNames(devices)
				r := start(b, map[string][]string{"e": list})
				r.startSubscribers(spectators, handshakeWith(enc.query, enc.headers...))
				rng := rand.New(rand.NewPCG(1, 2))
				send := func() {
					want := r.srv.m.deliveries.Get() + uint64(devices*spectators)
					r.publishRoadTraffic(rng, list)
					eventually(b, "all deliveries", func() bool { return r.srv.m.deliveries.Get() >= want })
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

// publishRoadTraffic publishes one position of each device.
func (r *rig) publishRoadTraffic(rng *rand.Rand, devices []string) {
	ts := r.clock.Add(1000)
	for i := range r.core.Shards() {
		batch := r.core.AcquireBatch()
		for _, d := range devices {
			if r.core.ShardOf(d) != i {
				continue
			}
			batch.Positions = append(batch.Positions, vehiclePosition(rng, d, ts))
		}
		if err := r.core.Deliver(context.Background(), i, batch); err != nil {
			r.t.Fatal(err)
		}
	}
}

// vehiclePosition is what a tracker in a car sends within a second of ts.
func vehiclePosition(rng *rand.Rand, device string, ts int64) codec.Position {
	return codec.Position{
		DeviceID: device, TS: ts + rng.Int64N(1000), Arrival: ts,
		Lat: 57 + float64(rng.IntN(1e6))/1e7, Lon: 11 + float64(rng.IntN(1e6))/1e7, Alt: float64(rng.IntN(300)),
		Speed: float64(rng.IntN(400)) / 10, Course: float64(rng.IntN(3600)) / 10, Sats: 5 + rng.Int32N(12),
		Has:        codec.HasAlt | codec.HasSpeed | codec.HasCourse | codec.HasSats,
		Attributes: codec.Attributes(fmt.Sprintf(`{"battery":%d,"moving":true}`, rng.IntN(100))),
	}
}

// cpuTime is the CPU time that this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDeflater compresses a positions frame of n devices.
func BenchmarkDeflater(b *testing.B) {
	topic := codec.NewTopic("event:grand-raid")
	for _, n := range []int{1, 3, 10, 50, 500} {
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			src, mark := topic.BeginPositions(nil)
			for i := range n {
				p := vehiclePosition(rng, fmt.Sprintf("86012345678%04d", i), 1_700_000_000_000)
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
