package live

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"pitwall/engine/internal/testenv"
)

// waiting is how many questions nobody carries out yet. mu is held, or no other
// goroutine uses the pool.
func (p *authPool) waiting() (n int) {
	for i := range p.queues {
		n += p.queues[i].Len()
	}
	return n
}

// occupy takes all goroutines of a pool with questions that last until the function
// returned is called.
func occupy(p *authPool) (release func()) {
	begun, end := make(chan struct{}), make(chan struct{})
	for i := range p.limit {
		w := &waiter{then: func(answer) {}}
		p.add(w, 0, fmt.Sprint("occupied ", i), func(context.Context) answer {
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

// TestAuthPoolIsBoundedAndInOrder: no more questions are under way at once than
// the pool may have. The others go on by priority, within one in the order in which
// they came. One that is joined with an earlier priority moves up.
func TestAuthPoolIsBoundedAndInOrder(t *testing.T) {
	t.Parallel()
	p := newAuthPool(1)
	p.start(context.Background())
	release := occupy(p)
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
		t.Errorf("asked in the order %v", order)
	}
	if p.running != 0 || len(p.open) != 0 || p.waiting() != 0 {
		t.Errorf("%d goroutines, %d questions and %d in the queues are left", p.running, len(p.open), p.waiting())
	}
}

// TestEqualQuestionsAreAskedOnce: those under way and those that wait. What nobody
// waits for any more is not asked. What has no key is asked for each.
func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	p := newAuthPool(2)
	p.start(context.Background())
	release := occupy(p)
	var asked, answered atomic.Int64
	ask := func(context.Context) answer { asked.Add(1); return answer{allowed: true} }
	wait := func() *waiter {
		return &waiter{then: func(said answer) {
			if said.allowed {
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
		t.Errorf("%d questions wait, want x and five without a key", n)
	}
	release()
	p.workers.Wait()
	if asked.Load() != 6 || answered.Load() != 10 {
		t.Errorf("%d questions, %d answered; want 6 and 10", asked.Load(), answered.Load())
	}
	// Under way, it is joined as well.
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

// TestSessionsShareQuestions: ten sessions of one user are checked, and each event
// is asked about once for all.
func TestSessionsShareQuestions(t *testing.T) {
	r, k := kept(t, 0, seldom)
	var all []*spectator
	for range 10 {
		all = append(all, r.as("ada", "e", "f"))
	}
	release := occupy(r.srv.checks)
	k.set(func() { k.shut["e"] = true })
	r.srv.Recheck()
	testenv.Eventually(t, patience, "the question", func() bool {
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
		s.find("the end of e", func(f said) bool { return f.Type == "error" && f.Topic == "event:e" && f.Code == "forbidden" })
	}
	k.set(func() {
		if n := k.questions["ada e"]; n != 11 { // each subscribe, and once for all
			t.Errorf("asked %d times, want 11", n)
		}
	})
}
