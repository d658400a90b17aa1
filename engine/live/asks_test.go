package live

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"pitwall/engine/internal/testenv"
)

// waiting is how many questions nobody carries out yet. mu is held, or nobody else
// is there.
func (a *asks) waiting() (n int) {
	for i := range a.queue {
		n += a.queue[i].Len()
	}
	return n
}

// stall has all askers taken by questions that last until the function returned is called.
func stall(a *asks) (goOn func()) {
	begun, answer := make(chan struct{}), make(chan struct{})
	for i := range a.most {
		w := &waiter{then: func(response) {}}
		a.put(w, 0, fmt.Sprint("stall ", i), func(context.Context) response {
			begun <- struct{}{}
			<-answer
			return response{}
		})
	}
	for range a.most {
		<-begun
	}
	return func() { close(answer) }
}

// No more questions are under way at once than there are askers; the others go on
// by turns, each turn in the order in which they came; one that is joined
// for an earlier turn moves up.
func TestQuestionsAreBoundedAndInOrder(t *testing.T) {
	t.Parallel()
	a := newAsks(1)
	a.begin(context.Background())
	goOn := stall(a)
	var order []string
	for _, put := range []struct {
		turn int
		name string
	}{{0, "a"}, {1, "b"}, {100, "c"}, {2, "d"}, {0, "e"}, {1, "f"}, {0, "d"}, {3, "a"}} {
		a.put(&waiter{then: func(response) {}}, put.turn, put.name, func(context.Context) response {
			order = append(order, put.name) // one asker only
			return response{}
		})
	}
	goOn()
	a.own.Wait()
	if !slices.Equal(order, []string{"a", "e", "d", "b", "f", "c"}) {
		t.Errorf("asked in the order %v", order)
	}
	if a.running != 0 || len(a.open) != 0 || a.waiting() != 0 {
		t.Errorf("%d askers, %d questions and %d in the queue are left", a.running, len(a.open), a.waiting())
	}
}

// Equal questions are asked once, those under way and those that wait; what nobody
// waits for any more is not asked; what has no key is asked for each.
func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	a := newAsks(2)
	a.begin(context.Background())
	goOn := stall(a)
	var asked, told atomic.Int64
	ask := func(context.Context) response { asked.Add(1); return response{allowed: true} }
	wait := func() *waiter {
		return &waiter{then: func(said response) {
			if said.allowed {
				told.Add(1)
			}
		}}
	}
	for range 5 {
		a.put(wait(), 0, "x", ask)
		a.put(wait(), 0, "", ask)
	}
	gone := []*waiter{wait(), wait(), wait()}
	for i, key := range []string{"y", "y", "x"} {
		a.put(gone[i], 0, key, ask)
	}
	for _, w := range gone {
		a.drop(w)
		a.drop(w)
	}
	if n := a.waiting(); n != 6 {
		t.Errorf("%d questions wait, want x and five without a key", n)
	}
	goOn()
	a.own.Wait()
	if asked.Load() != 6 || told.Load() != 10 {
		t.Errorf("%d questions, %d told; want 6 and 10", asked.Load(), told.Load())
	}
	// Under way, it is joined as well.
	begun, answer := make(chan struct{}), make(chan struct{})
	slow := func(context.Context) response {
		asked.Add(1)
		begun <- struct{}{}
		<-answer
		return response{allowed: true}
	}
	a.put(wait(), 0, "z", slow)
	<-begun
	a.put(wait(), 0, "z", slow)
	close(answer)
	a.own.Wait()
	if asked.Load() != 7 || told.Load() != 12 {
		t.Errorf("%d questions, %d told; want 7 and 12", asked.Load(), told.Load())
	}
}

// Of two sessions that are asked about for the same user and event, one is.
func TestSessionsShareQuestions(t *testing.T) {
	r, k := kept(t, 0, seldom)
	var all []*spectator
	for range 10 {
		all = append(all, r.as("ada", "e", "f"))
	}
	goOn := stall(r.srv.reasks)
	k.set(func() { k.shut["e"] = true })
	r.srv.Recheck()
	testenv.Eventually(t, patience, "the question", func() bool {
		a := r.srv.reasks
		a.mu.Lock()
		defer a.mu.Unlock()
		waiting := 0
		for _, q := range a.open {
			waiting += len(q.waiters)
		}
		return a.waiting() == 1 && waiting == maxReviews+10
	})
	goOn()
	for _, s := range all {
		s.find("the end of e", func(f said) bool { return f.Type == "error" && f.Topic == "event:e" && f.Code == "forbidden" })
	}
	k.set(func() {
		if n := k.questions["ada e"]; n != 11 { // each subscribe, and once for all
			t.Errorf("asked %d times, want 11", n)
		}
	})
}
