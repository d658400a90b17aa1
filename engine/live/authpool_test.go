package live

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

// waiting is how many questions are queued. mu is held, or no other goroutine uses
// the pool.
func (p *authPool) waiting() (n int) {
	for i := range p.queues {
		n += p.queues[i].Len()
	}
	return n
}

// blockWorkers keeps all goroutines of a pool busy until release is called.
func blockWorkers(p *authPool) (release func()) {
	begun, end := make(chan struct{}), make(chan struct{})
	for i := range p.limit {
		w := &waiter{then: func(answer) {}}
		p.add(w, 0, fmt.Sprint("blocked ", i), func(context.Context) answer {
			begun <- struct{}{}
			<-end
			return answer{}
		})
	}
	for range p.limit {
		<-begun
	}
	return func() { close(end) }
}

// The pool runs no more questions at a time than its limit. The others wait, and
// are run by priority, those of one priority in the order in which they came. When
// an equal question comes with a more urgent priority, the waiting one gets it.
func TestAuthPoolIsBoundedAndInOrder(t *testing.T) {
	t.Parallel()
	p := newAuthPool(1)
	p.start(context.Background())
	release := blockWorkers(p)
	var order []string
	for _, add := range []struct {
		priority int
		name     string
	}{{0, "a"}, {1, "b"}, {100, "c"}, {2, "d"}, {0, "e"}, {1, "f"}, {0, "d"}, {3, "a"}} {
		p.add(&waiter{then: func(answer) {}}, add.priority, add.name, func(context.Context) answer {
			order = append(order, add.name) // one goroutine only
			return answer{}
		})
	}
	release()
	p.workers.Wait()
	if !slices.Equal(order, []string{"a", "e", "d", "b", "f", "c"}) {
		t.Errorf("asked in the order %v, want a e d b f c", order)
	}
	if p.running != 0 || len(p.open) != 0 || p.waiting() != 0 {
		t.Errorf("%d goroutines, %d questions and %d in the queues are left, want none", p.running, len(p.open), p.waiting())
	}
}

// Equal questions are asked once, whether they wait or are under way. A question
// whose last waiter has gone is not asked. One without a key is equal to no other.
func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	p := newAuthPool(2)
	p.start(context.Background())
	release := blockWorkers(p)
	var asked, answered atomic.Int64
	ask := func(context.Context) answer { asked.Add(1); return answer{allowed: true} }
	wait := func() *waiter {
		return &waiter{then: func(a answer) {
			if a.allowed {
				answered.Add(1)
			}
		}}
	}
	for range 5 {
		p.add(wait(), 0, "x", ask)
		p.add(wait(), 0, "", ask)
	}
	gone := []*waiter{wait(), wait(), wait()}
	for i, key := range []string{"y", "y", "x"} {
		p.add(gone[i], 0, key, ask)
	}
	for _, w := range gone {
		p.drop(w)
		p.drop(w)
	}
	if n := p.waiting(); n != 6 {
		t.Errorf("%d questions wait, want 6: x, and five without a key", n)
	}
	release()
	p.workers.Wait()
	if asked.Load() != 6 || answered.Load() != 10 {
		t.Errorf("%d questions, %d answered; want 6 and 10", asked.Load(), answered.Load())
	}
	// A question that is under way is joined, too.
	begun, end := make(chan struct{}), make(chan struct{})
	slow := func(context.Context) answer {
		asked.Add(1)
		begun <- struct{}{}
		<-end
		return answer{allowed: true}
	}
	p.add(wait(), 0, "z", slow)
	<-begun
	p.add(wait(), 0, "z", slow)
	close(end)
	p.workers.Wait()
	if asked.Load() != 7 || answered.Load() != 12 {
		t.Errorf("%d questions, %d answered; want 7 and 12", asked.Load(), answered.Load())
	}
}

// When ten sessions of one user are checked, the keeper is asked about each event
// once for all of them.
func TestSessionsShareQuestions(t *testing.T) {
	r, k := startWithKeeper(t, 0, noPeriodicChecks)
	var all []*spectator
	for range 10 {
		all = append(all, r.watch("user=ada", "e", "f"))
	}
	release := blockWorkers(r.srv.checks)
	k.set(func() { k.denied["e"] = true })
	r.srv.Recheck()
	eventually(t, "the question", func() bool {
		a := r.srv.checks
		a.mu.Lock()
		defer a.mu.Unlock()
		waiting := 0
		for _, q := range a.open {
			waiting += len(q.waiters)
		}
		return a.waiting() == 1 && waiting == maxChecks+10
	})
	release()
	for _, s := range all {
		s.awaitError("e", "forbidden")
	}
	k.set(func() {
		if n := k.asks["ada e"]; n != 11 { // once for each subscribe, and once for all checks
			t.Errorf("asked %d times about ada and e, want 11", n)
		}
	})
}
