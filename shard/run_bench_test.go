package shard

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"pitwall/codec"
)

// BenchmarkShards runs the whole core at its limit: 5,000 devices in 50 events with 40
// subscribers each, two writers that drain, one reader that delivers batches of 500. One
// operation is one position. The cost of the kernel is not included.
func BenchmarkShards(b *testing.B) {
	for _, shards := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("shards=%d", shards), func(b *testing.B) { benchShards(b, shards) })
	}
}

func benchShards(b *testing.B, shards int) {
	const devices, events, subscribers, part = 5000, 50, 2000, 500
	core, err := New(Config{Shards: shards, Writers: 2, Window: 100 * 1e6, RingBytes: 1 << 24})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = core.Run(ctx) })
	defer func() { stop(); all.Wait() }()
	ro, names := pairs(devices, events)
	if err := core.Swap(ctx, ro); err != nil {
		b.Fatal(err)
	}
	for e := range events {
		join(b, core, fmt.Sprintf("event-%05d", e), 0, subscribers/events)
	}
	var delivered atomic.Int64
	for i := range core.queues {
		all.Go(func() { drainAll(ctx, core.Queue(i), &delivered) })
	}
	ts := int64(base)
	b.ResetTimer()
	for n := 0; n < b.N; n += part {
		at := n % devices
		if at == 0 {
			ts += 1000
		}
		batches := make([]*Batch, shards)
		for _, d := range names[at : at+part] {
			i := core.ShardOf(d)
			if batches[i] == nil {
				batches[i] = core.AcquireBatch()
			}
			batches[i].Positions = append(batches[i].Positions, codec.Position{DeviceID: d, TS: ts, Arrival: ts, Lat: 57.1, Lon: 11.9})
		}
		for i, batch := range batches {
			if batch == nil {
				continue
			}
			if err := core.Deliver(ctx, i, batch); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// drainAll is a writer without sockets. It counts the live positions that it has taken, once
// for each connection.
func drainAll(ctx context.Context, q *RunQueue, delivered *atomic.Int64) {
	for {
		select {
		case <-q.Wakeups():
		case <-ctx.Done():
			return
		}
		delivered.Add(int64(drainList(takeAll(q))))
	}
}

// drainList takes everything that is queued for the connections of l, and returns how many
// live positions that was.
func drainList(l ConnList) (n int) {
	for c, ok := l.Next(); ok; c, ok = l.Next() {
		for more := true; more; {
			for ch := c.Take(); ch != nil; ch = c.Take() {
				if ch.Live() {
					n += ch.Records()
				}
				c.Release(ch)
			}
			more = c.Rest()
		}
	}
	return n
}
