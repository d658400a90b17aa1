package shard

import (
	"slices"
	"testing"
)

// What came together stays together and in its order, and goes to the line that
// its number says; the queue is empty behind it.
func TestTakeInto(t *testing.T) {
	q := newRunQueue()
	next := 0
	come := func(n int) (ids []int) {
		var ch chain
		for range n {
			ch.add(&Conn{Owner: next})
			ids = append(ids, next)
			next++
		}
		q.splice(&ch, 0)
		return ids
	}
	var few, crowds Line
	var wantFew, wantCrowds []int
	for range 2 { // the second lot goes behind the first
		for _, n := range []int{1, 5, 3, 4, 1, 4, 0, 9} {
			if ids := come(n); n > 4 {
				wantCrowds = append(wantCrowds, ids...)
			} else {
				wantFew = append(wantFew, ids...)
			}
		}
		q.TakeInto(&few, &crowds, 4)
		q.TakeInto(&few, &crowds, 4)
	}
	drain := func(l *Line) (ids []int) {
		for c := l.Next(); c != nil; c = l.Next() {
			if c.next != nil {
				t.Errorf("%v is still linked", c.Owner)
			}
			ids = append(ids, c.Owner.(int))
		}
		return ids
	}
	if got := drain(&few); !slices.Equal(got, wantFew) {
		t.Errorf("few: got %v, want %v", got, wantFew)
	}
	if got := drain(&crowds); !slices.Equal(got, wantCrowds) {
		t.Errorf("crowds: got %v, want %v", got, wantCrowds)
	}
	if !few.Empty() || !crowds.Empty() {
		t.Error("a drained line is not empty")
	}
	all := append(come(3), come(7)...)
	l := takeAll(q)
	got := drain(&l)
	if !slices.Equal(got, all) {
		t.Errorf("into one line: got %v, want %v", got, all)
	}
}
