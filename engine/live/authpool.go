package live

import (
	"container/list"
	"context"
	"errors"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
)

// How many questions about access are under way at once. They may wait for a
// platform, which the dispatchers must not. Checks of sessions have a pool of their
// own, which no number of requests can fill.
const (
	maxRequestAuth = 128 // that requests wait for
	maxChecks      = 32  // about those who are in
)

// answer is what came of a question.
type answer struct {
	who     any  // of one about a session: nil is a no
	allowed bool // of one about an event
	err     error
}

// priorities are how many questions of one session are told apart: its second goes
// after everybody's first, and so on. So a session that watches little waits for
// little, whatever others watch.
const priorities = 8

// authPool carries out questions that may take a while: by priority, and within
// one first come, first served. Equal ones are asked once. A session has at most
// one question of a request and one about itself or a topic, so what waits is
// bounded by the connections.
type authPool struct {
	limit int

	mu      sync.Mutex
	ctx     context.Context       // of all questions
	open    map[string]*question  // by key
	queues  [priorities]list.List // of *question, those that nobody carries out yet
	running int
	workers sync.WaitGroup
}

// question is asked for all who wait for its answer.
type question struct {
	key      string
	ask      func(context.Context) answer
	waiters  map[*waiter]struct{}
	queued   *list.Element // in the queue of its priority; nil once it is carried out
	priority int
}

// waiter waits for one answer.
type waiter struct {
	then func(answer)
	q    *question // nil while it waits for nothing
}

func newAuthPool(limit int) *authPool {
	return &authPool{limit: limit, open: map[string]*question{}}
}

// start must come before add. ctx ends with Run.
func (p *authPool) start(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx = ctx
}

// add has a question carried out, and w.then called with the answer, on a goroutine
// of the pool, unless w is dropped. Questions with the same key share the answer; ""
// shares with nobody. priority counts the questions that w's session has had carried
// out before. add never waits. Any goroutine may call it.
func (p *authPool) add(w *waiter, priority int, key string, ask func(context.Context) answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	priority = min(priority, priorities-1)
	q := p.open[key]
	if q != nil && q.queued != nil && priority < q.priority {
		p.queues[q.priority].Remove(q.queued)
		q.priority, q.queued = priority, p.queues[priority].PushBack(q)
	}
	if q == nil {
		q = &question{key: key, ask: ask, priority: priority, waiters: map[*waiter]struct{}{}}
		if key != "" {
			p.open[key] = q
		}
		if p.running < p.limit {
			p.running++
			ctx := p.ctx
			p.workers.Go(func() { p.work(ctx, q) })
		} else {
			q.queued = p.queues[priority].PushBack(q)
		}
	}
	q.waiters[w] = struct{}{}
	w.q = q
}

// drop has w wait no more. An answer may be on its way to it all the same. A
// question that nobody waits for any more is not asked. Any goroutine may call it.
func (p *authPool) drop(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := w.q
	if q == nil {
		return
	}
	w.q = nil
	delete(q.waiters, w)
	if len(q.waiters) == 0 && q.queued != nil {
		p.queues[q.priority].Remove(q.queued)
		p.close(q)
	}
}

// close lets nobody join a question any more. mu is held.
func (p *authPool) close(q *question) {
	if p.open[q.key] == q {
		delete(p.open, q.key)
	}
}

// work is a goroutine of the pool: it carries out a question, then those that wait.
func (p *authPool) work(ctx context.Context, q *question) {
	for q != nil {
		said := q.ask(ctx)
		var waiters map[*waiter]struct{}
		waiters, q = p.next(q)
		for w := range waiters {
			w.then(said)
		}
	}
}

// next ends a question. It returns who waits for its answer and the question
// that is next, or nil: then the goroutine ends.
func (p *authPool) next(done *question) (waiters map[*waiter]struct{}, q *question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close(done)
	for w := range done.waiters {
		w.q = nil
	}
	for i := range p.queues {
		if first := p.queues[i].Front(); first != nil {
			q = p.queues[i].Remove(first).(*question)
			q.queued = nil
			return done.waiters, q
		}
	}
	p.running--
	return done.waiters, nil
}

// authWait is a request that waits for an answer of the pool.
type authWait struct {
	waiter
	said       answer // once answered
	answered   atomic.Bool
	generation uint64 // of access, when it was asked
	tries      int
	key        string
	ask        func(context.Context) answer
	then       func(answer) // carries the request on, on a dispatcher
}

// authWaitBytes is what an authWait takes, with its question, in bytes.
var authWaitBytes = int64(reflect.TypeFor[authWait]().Size()+reflect.TypeFor[question]().Size()) + 256

// maxTries bounds how often a question is asked because access has changed
// meanwhile.
const maxTries = 5

var errRestless = errors.New("access changes faster than it can be asked about")

// awaitAuth has a question carried out, and then called with the answer, on a
// dispatcher. Until then no request of the client is carried out. Where access
// has changed since it was asked it is asked again: a yes may be older than the
// revocation. The dispatchers call it.
func (s *session) awaitAuth(key string, ask func(context.Context) answer, then func(answer)) {
	s.ask(&authWait{key: key, ask: ask, then: then})
}

// ask begins the wait of w, which is new.
func (s *session) ask(w *authWait) {
	w.generation, w.tries = s.srv.generation.Load(), w.tries+1
	w.waiter.then = func(said answer) {
		w.said = said
		w.answered.Store(true)
		s.schedule()
	}
	s.asking.Add(authWaitBytes)
	s.authWait.Store(w)
	s.srv.requestAuth.add(&w.waiter, 0, s.srv.currentKey(w.key), w.ask)
}

// currentKey is a key that holds until access changes: what was asked before is
// not shared with those who ask after.
func (srv *Server) currentKey(key string) string {
	if key == "" {
		return ""
	}
	return strconv.FormatUint(srv.generation.Load(), 36) + " " + key
}

// takeAnswer takes the answer that a request waits for. The dispatchers call it.
func (s *session) takeAnswer(w *authWait) {
	s.authWait.Store(nil)
	s.asking.Add(-authWaitBytes)
	switch {
	case w.generation == s.srv.generation.Load():
		w.then(w.said)
	case w.tries < maxTries:
		s.ask(&authWait{key: w.key, ask: w.ask, then: w.then, tries: w.tries})
	default:
		w.then(answer{err: errRestless})
	}
}
