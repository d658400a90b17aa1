package shard

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pitwall/codec"
)

// oneEvent returns a rig with one event of so many devices and subscribers.
func oneEvent(tb testing.TB, devices, subscribers int, batch bool) (*rig, []*client, []codec.Position) {
	r := newRig(tb, Config{Shards: 1, Window: 100 * time.Millisecond, Deflate: newDeflater})
	names := make([]string, devices)
	positions := make([]codec.Position, devices)
	for i := range names {
		names[i] = fmt.Sprintf("dev-%05d", i)
		positions[i] = codec.Position{
			DeviceID: names[i], TS: base, Arrival: base, Lat: 57.7089355, Lon: 11.9745638,
			Speed: 12.5, Course: 271.3, Has: codec.HasSpeed | codec.HasCourse,
			Attributes: `{"battery":87,"moving":true}`,
		}
	}
	r.roster(map[string][]string{"e": names})
	clients := make([]*client, subscribers)
	for i := range clients {
		clients[i] = r.client(batch)
		clients[i].subscribe("e", 0)
	}
	r.settle()
	for _, c := range clients {
		c.drain()
	}
	return r, clients, positions
}

func (c *client) drain() { drain(c.conn) }

// drain takes everything and ignores it, as a fast writer does. It takes the connections
// off the run queue first, since only their writer may end their turn.
func drain(c *Conn) {
	takeAll(c.core.queues[c.writer])
	takeEach(c, func(*Chunk) {})
	c.active().Rest()
}

// cycle passes the next position of every device through the shard, flushes, and drains
// every subscriber.
func cycle(r *rig, clients []*client, positions []codec.Position) {
	b := r.core.AcquireBatch()
	for i := range positions {
		positions[i].TS += 1000
		positions[i].Arrival += 1000
	}
	b.Positions = append(b.Positions, positions...)
	r.now += int64(time.Second)
	r.core.workers[0].turn(b)
	r.now += int64(time.Second)
	r.core.workers[0].turn(nil)
	for _, c := range clients {
		c.drain()
	}
}

// BenchmarkLookup looks up the topics of one device in the snapshot.
func BenchmarkLookup(b *testing.B) {
	r, _, positions := oneEvent(b, 5000, 0, false)
	s := r.core.Snapshot()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if len(s.Topics(positions[i%len(positions)].DeviceID)) != 1 {
			b.Fatal("a device without its topic")
		}
	}
}

// BenchmarkHandOff delivers batches of 256 positions to a running shard without
// subscribers. One operation is one position.
func BenchmarkHandOff(b *testing.B) {
	core, err := New(Config{Shards: 1})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = core.Run(ctx)
	}()
	_, _, positions := oneEvent(b, 256, 0, false)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(positions) {
		batch := core.AcquireBatch()
		for i := range positions {
			positions[i].TS++
		}
		batch.Positions = append(batch.Positions, positions...)
		if err := core.Deliver(ctx, 0, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	stop()
	<-ended
}

// BenchmarkFlush sends one position of each of 200 devices to 2,000 connections, with the
// flush and the draining. One operation is one flush.
func BenchmarkFlush(b *testing.B) {
	for _, batch := range []bool{false, true} {
		b.Run(fmt.Sprintf("batch=%v", batch), func(b *testing.B) {
			r, clients, positions := oneEvent(b, 200, 2000, batch)
			cycle(r, clients, positions)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				cycle(r, clients, positions)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/connection")
		})
	}
}

// lostBy returns a chunk that a lagged connection may drop.
func lostBy(clients []*client) *Chunk {
	return &Chunk{shard: clients[0].conn.subs[0].shard, body: []byte{0x81, 0}, records: 1}
}

// recoverAll makes all clients lag, lose a chunk and recover.
func recoverAll(r *rig, clients []*client, lost *Chunk) {
	for _, c := range clients {
		c.conn.markLagged()
		c.losses.Drop(lost, 0)
		if !c.conn.consumer().Recover(&c.losses) {
			r.t.Fatal("no recovery")
		}
	}
	r.settle()
}
