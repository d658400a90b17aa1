package live

import (
	"context"
	"errors"
	"reflect"
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
	srv  *Server
	s    *session
	news atomic.Bool // there are answers that the dispatchers have not taken
	cost int64       // counted for the session, in bytes

	mu      sync.Mutex
	waiter  *waiter // for the question under way; nil when there is none
	who     any     // who the topics are asked about for
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

// attend asks about the session.
func (s *session) attend() {
	s.review.Store(false)
	now, r := time.Now(), &s.srv.opts.Reauth
	events := make([]string, 0, len(s.topics))
	s.trust.ask(now, r)
	for _, w := range s.topics {
		w.trust.ask(now, r)
		events = append(events, w.topic.Event())
	}
	s.watchClock()
	e := &examination{srv: s.srv, s: s, cost: examBytes + int64(len(events))*topicBytes}
	s.asking.Add(e.cost)
	s.exam.Store(e)
	e.confirm(s.who, events)
}

// confirm asks about the session itself.
func (e *examination) confirm(who any, events []string) {
	k := e.srv.opts.Reauth.Keeper
	ask := func(ctx context.Context) (said response) {
		said.who, said.err = k.Confirm(ctx, who)
		return said
	}
	then := func(said response) { e.confirmed(who, events, said) }
	key := k.ConfirmKey(who)
	if key == "" {
		then(ask(context.Background())) // which does not wait
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.put(0, "session "+key, ask, then)
}

// put has a question carried out. mu is held.
func (e *examination) put(turn int, key string, ask func(context.Context) response, then func(response)) {
	if e.over {
		return
	}
	e.waiter = &waiter{then: then}
	e.srv.reasks.put(e.waiter, turn, e.srv.keyNow(key), ask)
}

// confirmed asks about the topics, unless the session is out. Where nobody can
// tell about the session, an event may have a plain no all the same.
func (e *examination) confirmed(who any, events []string, said response) {
	e.mu.Lock()
	v := &e.verdict
	v.session, v.who, v.err = true, said.who, said.err
	if said.err == nil {
		who = said.who
	}
	e.who, e.waiter = who, nil
	if who != nil {
		e.decide(events)
	}
	e.next()
	e.mu.Unlock()
	e.tell()
}

// decide answers for the topics that nobody has to be asked about. mu is held.
func (e *examination) decide(events []string) {
	for _, event := range events {
		if allowed, key, err := e.srv.opts.Access.Decide(e.who, event); key != "" {
			e.todo = append(e.todo, topicKey{event, key})
		} else {
			e.answered(event, allowed, err)
		}
	}
}

// next asks about the next topic, if there is one. mu is held.
func (e *examination) next() {
	if len(e.todo) == 0 {
		return
	}
	event, key, who := e.todo[0].event, e.todo[0].key, e.who
	e.todo = e.todo[1:]
	e.asked++
	e.put(e.asked-1, "event "+key, func(ctx context.Context) (said response) {
		said.allowed, said.err = e.srv.opts.Access.Ask(ctx, who, event, true)
		return said
	}, func(said response) {
		e.mu.Lock()
		e.waiter = nil
		e.answered(event, said.allowed, said.err)
		e.next()
		e.mu.Unlock()
		e.tell()
	})
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
