package shard

import (
	"slices"
	"testing"
)

// Connections that were queued together stay together and in their order. They go to the
// small or the bulk list by their number. The queue is empty afterwards.
func TestTakeIntoSplitsChainsBySize(t *testing.T) {
	q := newRunQueue()
	next := 0
	queue := func(n int) (ids []int) {
		var ch chain
		for range n {
			ch.add(&Conn{Owner: next})
			ids = append(ids, next)
			next++
		}
		q.splice(&ch, 0)
		return ids
	}
	var small, bulk ConnList
	var wantSmall, wantBulk []int
	for range 2 { // the second time they are appended to the lists
		for _, n := range []int{1, 5, 3, 4, 1, 4, 0, 9} {
			if ids := queue(n); n > 4 {
				wantBulk = append(wantBulk, ids...)
			} else {
				wantSmall = append(wantSmall, ids...)
			}
		}
		q.TakeInto(&small, &bulk, 4)
		q.TakeInto(&small, &bulk, 4)
	}
	drain := func(l *ConnList) (ids []int) {
		for c, ok := l.Next(); ok; c, ok = l.Next() {
			if c.conn.next != nil {
				t.Errorf("%v is still linked", c.Owner())
			}
			ids = append(ids, c.Owner().(int))
		}
		return ids
	}
	if got := drain(&small); !slices.Equal(got, wantSmall) {
		t.Errorf("small: got %v, want %v", got, wantSmall)
	}
	if got := drain(&bulk); !slices.Equal(got, wantBulk) {
		t.Errorf("bulk: got %v, want %v", got, wantBulk)
	}
	if !small.Empty() || !bulk.Empty() {
		t.Error("a drained list is not empty")
	}
	all := append(queue(3), queue(7)...)
	l := takeAll(q)
	got := drain(&l)
	if !slices.Equal(got, all) {
		t.Errorf("into one list: got %v, want %v", got, all)
	}
}
