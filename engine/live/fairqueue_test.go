package live

import (
	"testing"

	"pitwall/shard"
)

// The order of turns while a crowd of 300 waits and 100 others have come: those
// go ahead 64 at a time, the crowd has every second 64, both in their own order,
// and whoever comes later in small numbers waits for those who came before.
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
	run(64, 100)    // the others are through: 200 turns so far
	run(1100, 1110) // the rest of the 64 of those who go ahead
	run(100, 300)
	if len(got) != len(want) {
		t.Fatalf("%d turns, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("turn %d is of %d, want %d:\n%v", i, got[i], want[i], got)
		}
	}
	if !q.empty() {
		t.Error("somebody is left")
	}
}
