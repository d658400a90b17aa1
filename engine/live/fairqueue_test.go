package live

import (
	"testing"

	"pitwall/shard"
)

// A batch of 300 connections is waiting when a small batch of 100 comes. Each in
// its own order, 64 of the small batch and 64 of the large one have their turns in
// alternation. A later small batch waits for the earlier one.
func TestFairQueueOrder(t *testing.T) {
	core, err := shard.New(shard.Config{Writers: 1})
	if err != nil {
		t.Fatal(err)
	}
	queue := core.Queue(0)
	arrive := func(from, to int) {
		for i := from; i < to; i++ {
			core.NewConn(0, false, i).Schedule()
		}
	}
	q := fairQueue{limit: smallBatch}
	arrive(0, 300)
	queue.TakeInto(&q.bulk, &q.bulk, 0)
	arrive(1000, 1100)
	q.takeFrom(queue)
	var got []int
	for len(got) < 200 {
		a, _ := q.next()
		got = append(got, a.Owner().(int))
	}
	arrive(1100, 1110)
	q.takeFrom(queue)
	for a, ok := q.next(); ok; a, ok = q.next() {
		got = append(got, a.Owner().(int))
	}
	var want []int
	run := func(from, to int) {
		for i := from; i < to; i++ {
			want = append(want, i)
		}
	}
	run(1000, 1064)
	run(0, 64)
	run(1064, 1100)
	run(64, 100)    // the small batch is served: 200 turns so far
	run(1100, 1110) // the rest of the 64 of small batches
	run(100, 300)
	if len(got) != len(want) {
		t.Fatalf("got %d turns, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("turn %d is that of connection %d, want %d:\n%v", i, got[i], want[i], got)
		}
	}
	if !q.empty() {
		t.Error("the queue is not empty after all turns")
	}
}
