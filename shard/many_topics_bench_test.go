package shard

import (
	"fmt"
	"testing"
	"time"

	"pitwall/codec"
)

// BenchmarkManyTopics measures the longest burst that two shards can send to one connection
// at the same time: it watches as many quiet events as a connection may, and each of them has
// a position from each shard at every flush. One operation is one of these positions for one
// connection. It is for comparing the rings: see ring/plain.go.
func BenchmarkManyTopics(b *testing.B) {
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprintf("connections=%d", n), func(b *testing.B) { benchConns(b, n, 64) })
	}
}

// BenchmarkManySubscribers measures what two shards send at the same time to the many
// spectators of one event, one position each at every flush. See BenchmarkManyTopics.
func BenchmarkManySubscribers(b *testing.B) {
	for _, n := range []int{2_000, 10_000} {
		b.Run(fmt.Sprintf("connections=%d", n), func(b *testing.B) { benchConns(b, n, 1) })
	}
}

func benchConns(b *testing.B, connections, events int) {
	const shards = 2
	core, ctx := running(b, Config{Shards: shards, Writers: 1, Window: time.Millisecond, RingBytes: 1 << 24})
	ro, devices := onePerShard(core, events)
	if err := core.Swap(ctx, ro); err != nil {
		b.Fatal(err)
	}
	conns := make([]*Conn, connections)
	for i := range conns {
		conns[i] = core.NewConn(0, false, nil)
	}
	for e := range events {
		enter(b, core, fmt.Sprintf("event-%05d", e), 0, conns)
	}
	ts, want, taken := int64(base), 0, 0
	b.ResetTimer()
	begin := cpuTime(wholeProcess)
	for want < b.N {
		ts += 1000
		for i, names := range devices {
			batch := core.AcquireBatch()
			for _, d := range names {
				batch.Positions = append(batch.Positions, codec.Position{DeviceID: d, TS: ts, Arrival: ts, Lat: 57.1, Lon: 11.9})
			}
			if err := core.Deliver(ctx, i, batch); err != nil {
				b.Fatal(err)
			}
		}
		want += shards * events * connections
		for taken < want {
			<-core.Queue(0).Wakeups()
			taken += drainList(takeAll(core.Queue(0)))
		}
	}
	b.ReportMetric(float64(cpuTime(wholeProcess)-begin)/float64(want), "cpu-ns/delivery")
	b.ReportMetric(0, "ns/op") // mostly the wait for the flush
}

// onePerShard returns a roster with one device of each event on each shard, and the devices
// by shard.
func onePerShard(core *Core, events int) (ro Roster, devices [][]string) {
	devices = make([][]string, core.Shards())
	for n := 0; len(ro.Pairs) < events*core.Shards(); n++ {
		d := fmt.Sprintf("86012345%07d", n)
		if i := core.ShardOf(d); len(devices[i]) < events {
			ro.Pairs = append(ro.Pairs, Pair{d, fmt.Sprintf("event-%05d", len(devices[i]))})
			devices[i] = append(devices[i], d)
		}
	}
	return ro, devices
}
