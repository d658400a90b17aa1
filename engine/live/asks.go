package live

import (
	"context"
	"sync"
)

// maxAsking bounds the goroutines that wait for access decisions. They may
// wait for a platform, which the dispatchers must not.
const maxAsking = 128

// asks carries out questions that may take a while. Each session has one at a
// time, so that what waits is bounded by the connections.
type asks struct {
	ctx context.Context // ends with Run

	mu            sync.Mutex
	urgent, later []func(context.Context) // what clients wait for goes before what is asked again
	running       int
	own           sync.WaitGroup
}

// put has a question carried out. It never waits.
func (a *asks) put(urgent bool, q func(context.Context)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running < maxAsking {
		a.running++
		a.own.Go(func() { a.work(q) })
		return
	}
	if urgent {
		a.urgent = append(a.urgent, q)
	} else {
		a.later = append(a.later, q)
	}
}

// work carries out a question, and those that wait.
func (a *asks) work(q func(context.Context)) {
	for ; q != nil; q = a.next() {
		q(a.ctx)
	}
}

// next returns a question that waits, or nil: then the goroutine ends.
func (a *asks) next() func(context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, list := range []*[]func(context.Context){&a.urgent, &a.later} {
		if len(*list) > 0 {
			q := (*list)[0]
			(*list)[0] = nil
			*list = (*list)[1:]
			return q
		}
	}
	a.running--
	return nil
}

// ask carries out question away from the dispatchers; then, on a dispatcher,
// what follows. Until then the session does nothing else, except to leave: in
// that case nothing follows.
func (s *session) ask(urgent bool, question func(context.Context), then func()) {
	s.then = then
	s.command.Store(commandAsking)
	s.srv.asks.put(urgent, func(ctx context.Context) {
		if s.command.Load() != commandAsking {
			return // it has left meanwhile
		}
		question(ctx)
		if s.command.CompareAndSwap(commandAsking, commandDone) {
			s.schedule()
		}
	})
}
