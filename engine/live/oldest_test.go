package live

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// sealedChunks returns a part of a snapshot and two live chunks, sealed one after
// the other, and their core, which uses the test's clock.
func sealedChunks(t *testing.T, clock *atomic.Int64, window time.Duration) (core *shard.Core, snapshot, first, second *shard.Chunk) {
	t.Helper()
	core, err := shard.New(shard.Config{Shards: 1, Writers: 1, Window: window, Now: clock.Load, FutureTolerance: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- core.Run(ctx) }()
	t.Cleanup(func() { end(); <-ended })
	if err := core.Swap(ctx, shard.Roster{Events: []string{"e"}, Pairs: []shard.Pair{{Device: "a", Event: "e"}}}); err != nil {
		t.Fatal(err)
	}
	topic, ok := core.Watch("e")
	if !ok {
		t.Fatal("event e does not exist")
	}
	conn := core.NewConn(0, false, nil)
	subscribed := make(chan struct{})
	core.Subscribe(conn, topic, 0, func() { close(subscribed) })
	<-subscribed
	var list shard.ConnList
	take := func() (ch *shard.Chunk) {
		eventually(t, "a chunk", func() bool {
			core.Queue(0).TakeInto(&list, &list, 0)
			for a, ok := list.Next(); ok; a, ok = list.Next() {
				if ch = a.Take(); a.Rest() {
					a.Requeue()
				}
			}
			return ch != nil
		})
		return ch
	}
	snapshot = take()
	for i, into := range []**shard.Chunk{&first, &second} {
		clock.Add(int64(time.Hour)) // longer than the window, so the chunk is sealed at once
		b := core.AcquireBatch()
		b.Positions = append(b.Positions, codec.Position{DeviceID: "a", TS: int64(i + 1), Arrival: 1, Lat: 1, Lon: 1})
		if err := core.Deliver(ctx, 0, b); err != nil {
			t.Fatal(err)
		}
		*into = take()
	}
	if snapshot.Live() || !first.Live() || first.Sealed() == 0 || second.Sealed() <= first.Sealed() {
		t.Fatalf("live chunks were sealed at %d and %d, want the second later", first.Sealed(), second.Sealed())
	}
	return core, snapshot, first, second
}

// The age of what is in flight is that of the next chunk, if it is live. A snapshot
// or reply that is partly written is skipped: it will be finished in any case. If one
// that is not begun comes first, there is no age.
func TestNextSealed(t *testing.T) {
	var clock atomic.Int64
	clock.Store(1)
	_, snapshot, first, second := sealedChunks(t, &clock, time.Second)
	reply := shard.NewControl([]byte{0x81, 2, '{', '}'})
	pong := piece{ch: shard.NewControl([]byte{0x8a, 0}), end: 2, direct: true}
	whole := func(ch *shard.Chunk) piece { return piece{ch: ch, end: ch.Len()} }
	begun := func(ch *shard.Chunk) piece { return piece{ch: ch, off: 1, end: ch.Len()} }
	for _, c := range []struct {
		name     string
		inFlight []piece
		want     int64
	}{
		{"nothing", nil, 0},
		{"a live chunk", []piece{whole(first), whole(second)}, first.Sealed()},
		{"a live chunk that is partly written", []piece{begun(first), whole(second)}, first.Sealed()},
		{"a snapshot", []piece{whole(snapshot), whole(first)}, 0},
		{"a snapshot that is partly written", []piece{begun(snapshot), whole(first), whole(second)}, first.Sealed()},
		{"a snapshot that is partly written, alone", []piece{begun(snapshot)}, 0},
		{"a reply that is partly written, and a snapshot", []piece{begun(reply), whole(snapshot), whole(first)}, 0},
		{"a pong", []piece{pong, whole(first)}, first.Sealed()},
		{"a snapshot that is partly written, and a pong", []piece{begun(snapshot), pong, whole(second)}, second.Sealed()},
	} {
		if got := (&session{outbox: outbox{inFlight: c.inFlight}}).nextSealed(); got != c.want {
			t.Errorf("%s: got time %d, want %d", c.name, got, c.want)
		}
	}
}

// A chunk is too old when its age is above RingMaxAge and the window together.
func TestTooOldAllowsForTheWindow(t *testing.T) {
	const bound, window = time.Second, 3 * time.Second
	var clock atomic.Int64
	clock.Store(1)
	core, _, first, _ := sealedChunks(t, &clock, window)
	s := &session{srv: &Server{core: core, opts: Options{RingMaxAge: bound}}, outbox: outbox{inFlight: []piece{{ch: first, end: first.Len()}}}}
	for _, c := range []struct {
		age  time.Duration
		want bool
	}{{0, false}, {bound + window, false}, {bound + window + 1, true}} {
		clock.Store(first.Sealed() + int64(c.age))
		if got := s.tooOld(); got != c.want {
			t.Errorf("a chunk of age %v is too old: %v, want %v", c.age, got, c.want)
		}
	}
	s.srv.opts.RingMaxAge = 0
	if s.tooOld() {
		t.Error("a chunk is too old without a maximum age")
	}
}
