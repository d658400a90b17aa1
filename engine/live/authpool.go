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

// How many questions about access are asked at once. A question may have to wait for a
// platform, and a dispatcher must not wait. The checks of existing sessions have a pool
// of their own, which no number of new requests can fill.
const (
	maxRequestAuth = 128 // for requests
	maxChecks      = 32  // for existing sessions
)

// answer is the answer to a question about access.
type answer struct {
	identity any  // to a question about a session; nil: access is denied
	allowed  bool // to a question about an event
	err      error
}

// priorities is how many questions of one session have a priority of their own. The
// second question of a session is asked after the first of every other session, and so
// on. So a session with few topics waits for few questions, however many topics others
// have.
const priorities = 8

// authPool asks questions that may take a while: by priority, and within one priority
// first come, first served. Equal questions are asked once. A session has at most one
// question for a request and one for its check, so the number of connections bounds
// the queues.
type authPool struct {
	limit int

	mu      sync.Mutex
	ctx     context.Context       // of all questions
	open    map[string]*question  // by key
	queues  [priorities]list.List // of *question: those not asked yet
	running int
	workers sync.WaitGroup
}

// question is asked once for all that wait for its answer.
type question struct {
	key      string
	ask      func(context.Context) answer
	waiters  map[*waiter]struct{}
	queued   *list.Element // in the queue of its priority; nil once it is being asked
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

// start must be called before add. ctx is the context of all questions.
func (p *authPool) start(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx = ctx
}

// add has a question asked, and w.then called with the answer on a goroutine of the
// pool, unless w is dropped before. Questions with the same key share one answer; with
// the key "" they are not shared. priority is how many questions w's session has had
// asked before this one. add does not wait. Any goroutine may call it.
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

// drop ends the wait of w, although w.then may be running already. A queued question
// without waiters is not asked. Any goroutine may call it.
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
		delete(p.open, q.key)
	}
}

// work is a goroutine of the pool: it asks q, then the questions in the queues.
func (p *authPool) work(ctx context.Context, q *question) {
	for q != nil {
		a := q.ask(ctx)
		var waiters map[*waiter]struct{}
		waiters, q = p.next(q)
		for w := range waiters {
			w.then(a)
		}
	}
}

// next ends a question that was asked. It returns the waiters for its answer, and the
// next question; if there is none, the goroutine ends.
func (p *authPool) next(asked *question) (waiters map[*waiter]struct{}, q *question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, asked.key)
	for w := range asked.waiters {
		w.q = nil
	}
	for i := range p.queues {
		if first := p.queues[i].Front(); first != nil {
			q = p.queues[i].Remove(first).(*question)
			q.queued = nil
			return asked.waiters, q
		}
	}
	p.running--
	return asked.waiters, nil
}

// authWait is a request that waits for an answer of the pool.
type authWait struct {
	key  string // see authPool.add
	ask  func(context.Context) answer
	then func(answer) // continues the request, on a dispatcher

	waiter     waiter
	answer     answer // once answered
	answered   atomic.Bool
	generation uint64 // of access, when the question was asked
	tries      int
}

// authWaitBytes is the memory of an authWait and its question, in bytes.
var authWaitBytes = int64(reflect.TypeFor[authWait]().Size()+reflect.TypeFor[question]().Size()) + 256

// maxTries bounds how often a question is asked because access changed meanwhile.
const maxTries = 5

var errRestless = errors.New("access changes faster than it can be asked about")

// awaitAuth has the question of w asked, and w.then called with the answer. Until then
// no request of the client is carried out. If access has changed in the meantime the
// question is asked again: a yes could be older than a revocation. The dispatchers
// call it.
func (s *session) awaitAuth(w *authWait) {
	w.generation = s.srv.generation.Load()
	w.tries++
	w.waiter.then = func(a answer) {
		w.answer = a
		w.answered.Store(true)
		s.schedule()
	}
	s.asking.Add(authWaitBytes)
	s.authWait.Store(w)
	s.srv.requestAuth.add(&w.waiter, 0, s.srv.currentKey(w.key), w.ask)
}

// currentKey is a key that holds until access changes, so that no question shares an
// answer from before the change.
func (srv *Server) currentKey(key string) string {
	if key == "" {
		return ""
	}
	return strconv.FormatUint(srv.generation.Load(), 36) + " " + key
}

// takeAnswer continues the request that waits, with its answer. The dispatchers call
// it.
func (s *session) takeAnswer(w *authWait) {
	s.authWait.Store(nil)
	s.asking.Add(-authWaitBytes)
	switch {
	case w.generation == s.srv.generation.Load():
		w.then(w.answer)
	case w.tries < maxTries:
		w.answered.Store(false)
		s.awaitAuth(w)
	default:
		w.then(answer{err: errRestless})
	}
}
