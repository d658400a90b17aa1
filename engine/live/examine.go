package live

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errWithdrawn is a plain no.
var errWithdrawn = errors.New("withdrawn")

// examination asks about a session, and then about its topics, one question at a
// time: a session with many topics then takes its turn as often as one with few.
// What is answered is carried out, whatever else is not.
type examination struct {
	srv        *Server
	s          *session
	generation atomic.Uint64 // of access, when it was begun, or begun anew
	news       atomic.Bool   // there are answers that the dispatchers have not taken
	cost       int64         // counted for the session, in bytes; the dispatchers own it

	mu      sync.Mutex
	waiter  *waiter  // for the question under way; nil when there is none
	who     any      // who is asked about
	events  []string // and what they watch
	begins  bool     // the session itself is to be asked about next
	todo    []topicKey
	asked   int  // topics
	over    bool // dropped: no answer matters any more
	verdict verdict
}

// topicKey is a topic that somebody has to be asked about.
type topicKey struct{ event, key string }

// verdict is what came of asking about a session.
type verdict struct {
	session bool // something is said about the session itself, by the two that follow
	who     any  // nil: out, unless err says that nobody can tell
	err     error
	events  map[string]error // nil: may be watched, errWithdrawn: not, else nobody can tell
}

// What an examination takes, with a question and its places in lists, and what
// each topic adds, in bytes.
var (
	examBytes  = int64(reflect.TypeFor[examination]().Size()) + inquiryBytes
	topicBytes = int64(reflect.TypeFor[topicKey]().Size()) + 128
)

// attend asks about the session. If it is being asked about, access has changed
// meanwhile: it is asked about anew, after the question under way. The topic that
// has not been confirmed for longest comes first.
func (s *session) attend() {
	s.review.Store(false)
	now, r := time.Now(), &s.srv.opts.Reauth
	s.trust.ask(now, r)
	for _, w := range s.topics {
		w.trust.ask(now, r)
	}
	s.watchClock()
	topics := slices.Clone(s.topics)
	slices.SortStableFunc(topics, func(a, b *watch) int { return a.trust.confirmed.Compare(b.trust.confirmed) })
	events := make([]string, 0, len(topics))
	for _, w := range topics {
		events = append(events, w.topic.Event())
	}
	e := s.exam.Load()
	if e == nil {
		e = &examination{srv: s.srv, s: s}
		s.exam.Store(e)
	}
	e.generation.Store(s.srv.generation.Load())
	cost := examBytes + int64(len(events))*topicBytes
	s.asking.Add(cost - e.cost)
	e.cost = cost
	e.begin(s.who, events)
}

// begin asks about the session itself, at once where nobody else has to be asked.
func (e *examination) begin(who any, events []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.who, e.events, e.begins, e.asked, e.todo = who, events, true, 0, nil
	if k := e.srv.opts.Reauth.Keeper; k.ConfirmKey(who) == "" {
		now, err := k.Confirm(context.Background(), who) // which does not wait
		e.confirmed(response{who: now, err: err})
	}
	if e.waiter == nil {
		e.next()
	}
}

// next asks the next question, if there is one. mu is held.
func (e *examination) next() {
	switch {
	case e.begins:
		e.begins = false
		k, who := e.srv.opts.Reauth.Keeper, e.who
		e.put(0, "session "+k.ConfirmKey(who), func(ctx context.Context) (said response) {
			said.who, said.err = k.Confirm(ctx, who)
			return said
		}, func(said response) {
			if !e.begins { // otherwise it is asked about anew
				e.confirmed(said)
			}
		})
	case len(e.todo) > 0:
		event, key, who := e.todo[0].event, e.todo[0].key, e.who
		e.todo = e.todo[1:]
		e.asked++
		e.put(e.asked-1, "event "+key, func(ctx context.Context) (said response) {
			said.allowed, said.err = e.srv.opts.Access.Ask(ctx, who, event, true)
			return said
		}, func(said response) { e.answered(event, said.allowed, said.err) })
	}
}

// put has a question carried out, then called with the answer, and the next one
// asked. mu is held, by then as well.
func (e *examination) put(turn int, key string, ask func(context.Context) response, then func(response)) {
	if e.over {
		return
	}
	e.waiter = &waiter{then: func(said response) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.waiter = nil
		then(said)
		e.next()
	}}
	e.srv.reasks.put(e.waiter, turn, e.srv.keyNow(key), ask)
}

// confirmed takes the answer about the session, and decides what there is to ask
// about its topics, unless the session is out. Where nobody can tell about the
// session, an event may have a plain no all the same. mu is held.
func (e *examination) confirmed(said response) {
	v := &e.verdict
	v.session, v.who, v.err = true, said.who, said.err
	e.begins, e.todo = false, nil
	if said.err == nil {
		e.who = said.who
	}
	if e.who != nil {
		e.decide()
	}
	e.tell()
}

// decide answers for the topics that nobody has to be asked about. mu is held.
func (e *examination) decide() {
	for _, event := range e.events {
		if allowed, key, err := e.srv.opts.Access.Decide(e.who, event); key != "" {
			e.todo = append(e.todo, topicKey{event, key})
		} else {
			e.answered(event, allowed, err)
		}
	}
}

// answered notes what was said about an event. mu is held.
func (e *examination) answered(event string, allowed bool, err error) {
	if err == nil && !allowed {
		err = errWithdrawn
	}
	if e.verdict.events == nil {
		e.verdict.events = map[string]error{}
	}
	e.verdict.events[event] = err
	e.tell()
}

// tell has a dispatcher take what there is.
func (e *examination) tell() {
	e.news.Store(true)
	e.s.schedule()
}

// take returns what was said since the last time, and whether that was all.
func (e *examination) take() (v verdict, all bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.news.Store(false)
	v, e.verdict = e.verdict, verdict{}
	return v, e.waiter == nil
}

// learn carries out what was said about the session since the last time.
func (s *session) learn(e *examination) {
	v, all := e.take()
	if all {
		s.exam.Store(nil)
		s.asking.Add(-e.cost)
		s.unanswered.Store(false)
	}
	s.judge(v)
}

// abandon ends what is asked about the session, if anything is. A dispatcher
// calls it.
func (s *session) abandon() {
	e := s.exam.Swap(nil)
	if e == nil {
		return
	}
	s.asking.Add(-e.cost)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	if e.waiter != nil {
		e.srv.reasks.drop(e.waiter)
	}
}

// judge carries a verdict out.
func (s *session) judge(v verdict) {
	now, r := time.Now(), &s.srv.opts.Reauth
	switch {
	case !v.session:
	case v.err != nil:
		s.srv.faults.report("asking about a session failed", v.err)
		if s.trust.unclear(now, r) {
			s.close(4401, "access could not be confirmed")
			return
		}
	case v.who == nil:
		s.close(4401, "access was withdrawn")
		return
	default:
		s.settle(v.who)
	}
	var dropping []dropped
	for event, err := range v.events {
		w := s.watchOf(event)
		switch {
		case w == nil:
		case err == nil:
			w.trust.yes(now)
		case errors.Is(err, errWithdrawn):
			dropping = append(dropping, dropped{event, "forbidden", "you may not watch this event any more"})
		default:
			s.srv.faults.report("asking about a subscription failed", err)
			if w.trust.unclear(now, r) {
				dropping = append(dropping, dropped{event, "internal", "access could not be confirmed"})
			}
		}
	}
	s.withdraw(dropping)
	s.watchClock()
}
