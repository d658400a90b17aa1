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
// platform, which the dispatchers must not. What is asked again has askers of
// its own: no number of clients takes them.
const (
	maxAsking  = 128 // that clients wait for
	maxReviews = 32  // that are asked again
)

// response is what came of a question.
type response struct {
	who     any  // of one about a session: nil is a no
	allowed bool // of one about an event
	err     error
}

// turns are how many questions of one session are told apart: its second goes
// after everybody's first, and so on. So who watches little waits for little,
// whatever others watch.
const turns = 8

// asks carries out questions that may take a while: by turns, and within a turn
// first come, first served. Equal ones are asked once. Who waits is a session, with
// one question of its client and one about itself or a topic, so that what waits is
// bounded by the connections.
type asks struct {
	most int

	mu      sync.Mutex
	ctx     context.Context   // of all questions
	open    map[string]*query // by key
	queue   [turns]list.List  // of *query, those that nobody carries out yet, by turn
	running int
	own     sync.WaitGroup
}

// query is a question, asked for all who wait for its answer.
type query struct {
	key     string
	ask     func(context.Context) response
	waiters map[*waiter]struct{}
	place   *list.Element // in the queue of its turn; nil once it is carried out
	turn    int
}

// waiter is one who waits for one answer.
type waiter struct {
	then func(response)
	q    *query
}

func newAsks(most int) *asks { return &asks{most: most, open: map[string]*query{}} }

// begin must come before put. ctx ends with Run.
func (a *asks) begin(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ctx = ctx
}

// put has a question carried out, and w.then called with the answer, on a
// goroutine of asks, unless w is dropped. Questions with the same key share the
// answer; "" shares with nobody. turn counts the questions that w's session has
// put before. put never waits.
func (a *asks) put(w *waiter, turn int, key string, ask func(context.Context) response) {
	a.mu.Lock()
	defer a.mu.Unlock()
	turn = min(turn, turns-1)
	q := a.open[key]
	if q != nil && q.place != nil && turn < q.turn {
		a.queue[q.turn].Remove(q.place)
		q.turn, q.place = turn, a.queue[turn].PushBack(q)
	}
	if q == nil {
		q = &query{key: key, ask: ask, turn: turn, waiters: map[*waiter]struct{}{}}
		if key != "" {
			a.open[key] = q
		}
		if a.running < a.most {
			a.running++
			ctx := a.ctx
			a.own.Go(func() { a.work(ctx, q) })
		} else {
			q.place = a.queue[turn].PushBack(q)
		}
	}
	q.waiters[w] = struct{}{}
	w.q = q
}

// drop has w wait no more. An answer may be on its way to it all the same. What
// nobody waits for any more is not asked.
func (a *asks) drop(w *waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := w.q
	if q == nil {
		return
	}
	w.q = nil
	delete(q.waiters, w)
	if len(q.waiters) == 0 && q.place != nil {
		a.queue[q.turn].Remove(q.place)
		a.close(q)
	}
}

// close lets nobody join a question any more. mu is held.
func (a *asks) close(q *query) {
	if a.open[q.key] == q {
		delete(a.open, q.key)
	}
}

// work carries out a question, and those that wait.
func (a *asks) work(ctx context.Context, q *query) {
	for q != nil {
		said := q.ask(ctx)
		var told map[*waiter]struct{}
		told, q = a.next(q)
		for w := range told {
			w.then(said)
		}
	}
}

// next ends a question. It returns who waits for its answer and the question
// that is next, or nil: then the goroutine ends.
func (a *asks) next(done *query) (told map[*waiter]struct{}, q *query) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.close(done)
	for w := range done.waiters {
		w.q = nil
	}
	for i := range a.queue {
		if first := a.queue[i].Front(); first != nil {
			q = a.queue[i].Remove(first).(*query)
			q.place = nil
			return done.waiters, q
		}
	}
	a.running--
	return done.waiters, nil
}

// inquiry is a question that a client waits for.
type inquiry struct {
	waiter
	said       response // once done
	done       atomic.Bool
	generation uint64 // of access, when it was asked
	tries      int
	then       func(response)
	again      func() // asks once more
}

// inquiryBytes is what an inquiry takes, with its question, in bytes.
var inquiryBytes = int64(reflect.TypeFor[inquiry]().Size()+reflect.TypeFor[query]().Size()) + 256

// maxTries bounds how often a question is asked because access has changed
// meanwhile.
const maxTries = 5

var errRestless = errors.New("access changes faster than it can be asked about")

// ask has a question carried out, and then called with the answer, on a
// dispatcher. Until then no request of the client is carried out. Where access
// has changed since it was asked it is asked again: a yes may be older than the
// revocation.
func (s *session) ask(key string, ask func(context.Context) response, then func(response)) {
	s.inquire(&inquiry{then: then}, key, ask)
}

func (s *session) inquire(in *inquiry, key string, ask func(context.Context) response) {
	in.generation, in.tries = s.srv.generation.Load(), in.tries+1
	in.again = func() { s.inquire(&inquiry{then: in.then, tries: in.tries}, key, ask) }
	in.waiter.then = func(said response) {
		in.said = said
		in.done.Store(true)
		s.schedule()
	}
	s.asking.Add(inquiryBytes)
	s.inquiry.Store(in)
	s.srv.clients.put(&in.waiter, 0, s.srv.keyNow(key), ask)
}

// keyNow is a key that holds until access changes: what was asked before is
// not shared with those who ask after.
func (srv *Server) keyNow(key string) string {
	if key == "" {
		return ""
	}
	return strconv.FormatUint(srv.generation.Load(), 36) + " " + key
}

// hear takes the answer that the client waits for.
func (s *session) hear(in *inquiry) {
	s.inquiry.Store(nil)
	s.asking.Add(-inquiryBytes)
	switch {
	case in.generation == s.srv.generation.Load():
		in.then(in.said)
	case in.tries < maxTries:
		in.again()
	default:
		in.then(response{err: errRestless})
	}
}
