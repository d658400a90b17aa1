package live

import (
	"context"
	"slices"
	"testing"
	"time"
)

// What a client waits for goes before what is asked again, however long that has
// waited; no more questions are under way at once than the bound says.
func TestUrgentQuestionsGoFirst(t *testing.T) {
	t.Parallel()
	a := &asks{ctx: context.Background()}
	begun, goOn := make(chan string, maxAsking+3), make(chan struct{})
	question := func(name string) func(context.Context) {
		return func(context.Context) { begun <- name; <-goOn }
	}
	for range maxAsking {
		a.put(false, question("first"))
	}
	for range maxAsking {
		<-begun
	}
	for _, name := range []string{"later 1", "later 2", "urgent"} {
		a.put(name == "urgent", question(name))
	}
	var order []string
	for range 3 {
		goOn <- struct{}{} // one ends, and the next begins in its place
		order = append(order, <-begun)
	}
	if !slices.Equal(order, []string{"urgent", "later 1", "later 2"}) {
		t.Errorf("asked in the order %v", order)
	}
	close(goOn)
	a.own.Wait()
	if a.running != 0 || len(a.urgent)+len(a.later) != 0 {
		t.Errorf("%d questions are under way at the end", a.running)
	}
}

// A review waits until no client does.
func TestReviewsAreNotUrgent(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	r := unserved(t, func(o *Options) { o.Access, o.Reauth = k, Reauth{Keeper: k, Every: time.Hour} })
	_, s := r.arrives(handshake)
	a := &r.srv.asks
	a.running = maxAsking // as if all were taken
	s.attend()
	if len(a.urgent) != 0 || len(a.later) != 1 {
		t.Errorf("%d urgent questions and %d others wait, want one of the others", len(a.urgent), len(a.later))
	}
	a.running, a.later = 0, nil
}
