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

// sessionCheck asks whether a session may stay, and then about its topics, one
// question at a time, so that a session with many topics holds as much of the pool
// as one with few. Each answer is carried out when it comes, whatever the others are.
type sessionCheck struct {
	srv        *Server
	s          *session
	generation atomic.Uint64 // of access, when it was started, or started anew
	unread     atomic.Bool   // there are answers that the dispatchers have not taken
	cost       int64         // counted for the session, in bytes; the dispatchers own it

	mu       sync.Mutex
	waiter   *waiter  // for the question under way; nil when there is none
	who      any      // who is asked about
	events   []string // and what they watch
	starts   bool     // the session itself is to be asked about next
	todo     []topicKey
	asked    int  // topics
	dropped  bool // no answer matters any more
	decision decision
}

// topicKey is a topic that somebody has to be asked about.
type topicKey struct{ event, key string }

// decision is what came of a check so far.
type decision struct {
	session bool // something is said about the session itself, by the two that follow
	who     any  // nil: out, unless err says that nobody can tell
	err     error
	events  map[string]error // nil: may be watched, errWithdrawn: not, else nobody can tell
}

// What a check takes, with a question and its places in lists, and what each topic
// adds, in bytes.
var (
	checkBytes = int64(reflect.TypeFor[sessionCheck]().Size()) + authWaitBytes
	topicBytes = int64(reflect.TypeFor[topicKey]().Size()) + 128
)

// reauthorize starts a check of the session. If one is under way, access has changed
// meanwhile: it starts anew, after the question under way. The topic that has not
// been confirmed for longest comes first. The dispatchers call it.
func (s *session) reauthorize() {
	s.checkWanted.Store(false)
	now, r := time.Now(), &s.srv.opts.Reauth
	s.confirmation.startGrace(now, r)
	for _, w := range s.topics {
		w.confirmation.startGrace(now, r)
	}
	s.watchGrace()
	topics := slices.Clone(s.topics)
	slices.SortStableFunc(topics, func(a, b *watch) int { return a.confirmation.at.Compare(b.confirmation.at) })
	events := make([]string, 0, len(topics))
	for _, w := range topics {
		events = append(events, w.topic.Event())
	}
	c := s.check.Load()
	if c == nil {
		c = &sessionCheck{srv: s.srv, s: s}
		s.check.Store(c)
	}
	c.generation.Store(s.srv.generation.Load())
	cost := checkBytes + int64(len(events))*topicBytes
	s.asking.Add(cost - c.cost)
	c.cost = cost
	c.start(s.who, events)
}

// start asks about the session itself, at once where nobody else has to be asked.
func (c *sessionCheck) start(who any, events []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who, c.events, c.starts, c.asked, c.todo = who, events, true, 0, nil
	if k := c.srv.opts.Reauth.Keeper; k.ConfirmKey(who) == "" {
		now, err := k.Confirm(context.Background(), who) // which does not wait
		c.sessionAnswered(answer{who: now, err: err})
	}
	if c.waiter == nil {
		c.next()
	}
}

// next asks the next question, if there is one. mu is held.
func (c *sessionCheck) next() {
	switch {
	case c.starts:
		c.starts = false
		k, who := c.srv.opts.Reauth.Keeper, c.who
		c.ask(0, "session "+k.ConfirmKey(who), func(ctx context.Context) (said answer) {
			said.who, said.err = k.Confirm(ctx, who)
			return said
		}, func(said answer) {
			if !c.starts { // otherwise it is asked about anew
				c.sessionAnswered(said)
			}
		})
	case len(c.todo) > 0:
		event, key, who := c.todo[0].event, c.todo[0].key, c.who
		c.todo = c.todo[1:]
		c.asked++
		c.ask(c.asked-1, "event "+key, func(ctx context.Context) (said answer) {
			said.allowed, said.err = c.srv.opts.Access.Ask(ctx, who, event, true)
			return said
		}, func(said answer) { c.eventAnswered(event, said.allowed, said.err) })
	}
}

// ask has a question carried out, then called with the answer, and the next one
// asked. mu is held, also when then is called, on a goroutine of the pool.
func (c *sessionCheck) ask(priority int, key string, ask func(context.Context) answer, then func(answer)) {
	if c.dropped {
		return
	}
	c.waiter = &waiter{then: func(said answer) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiter = nil
		then(said)
		c.next()
	}}
	c.srv.checks.add(c.waiter, priority, c.srv.currentKey(key), ask)
}

// sessionAnswered takes the answer about the session, and decides what there is to
// ask about its topics, unless the session is out. Where nobody can tell about the
// session, an event may have a plain no all the same. mu is held.
func (c *sessionCheck) sessionAnswered(said answer) {
	d := &c.decision
	d.session, d.who, d.err = true, said.who, said.err
	c.starts, c.todo = false, nil
	if said.err == nil {
		c.who = said.who
	}
	if c.who != nil {
		c.decideEvents()
	}
	c.notify()
}

// decideEvents answers for the topics that nobody has to be asked about. mu is held.
func (c *sessionCheck) decideEvents() {
	for _, event := range c.events {
		if allowed, key, err := c.srv.opts.Access.Decide(c.who, event); key != "" {
			c.todo = append(c.todo, topicKey{event, key})
		} else {
			c.eventAnswered(event, allowed, err)
		}
	}
}

// eventAnswered notes what was said about an event. mu is held.
func (c *sessionCheck) eventAnswered(event string, allowed bool, err error) {
	if err == nil && !allowed {
		err = errWithdrawn
	}
	if c.decision.events == nil {
		c.decision.events = map[string]error{}
	}
	c.decision.events[event] = err
	c.notify()
}

// notify has a dispatcher take what there is.
func (c *sessionCheck) notify() {
	c.unread.Store(true)
	c.s.schedule()
}

// take returns what was said since the last time, and whether that was all.
func (c *sessionCheck) take() (d decision, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread.Store(false)
	d, c.decision = c.decision, decision{}
	return d, c.waiter == nil
}

// takeDecision carries out what a check has said since the last time. The
// dispatchers call it.
func (s *session) takeDecision(c *sessionCheck) {
	d, all := c.take()
	if all {
		s.check.Store(nil)
		s.asking.Add(-c.cost)
		s.unanswered.Store(false)
	}
	s.apply(d)
}

// dropCheck ends the check of the session that is under way, if there is one. The
// dispatchers call it.
func (s *session) dropCheck() {
	c := s.check.Swap(nil)
	if c == nil {
		return
	}
	s.asking.Add(-c.cost)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped = true
	if c.waiter != nil {
		c.srv.checks.drop(c.waiter)
	}
}

// apply carries a decision out. The dispatchers call it.
func (s *session) apply(d decision) {
	now, r := time.Now(), &s.srv.opts.Reauth
	switch {
	case !d.session:
	case d.err != nil:
		s.srv.faults.warn("asking about a session failed", d.err)
		if s.confirmation.unclear(now, r) {
			s.close(4401, "access could not be confirmed")
			return
		}
	case d.who == nil:
		s.close(4401, "access was withdrawn")
		return
	default:
		s.identify(d.who)
	}
	var list []withdrawal
	for event, err := range d.events {
		w := s.watchOf(event)
		switch {
		case w == nil:
		case err == nil:
			w.confirmation.confirm(now)
		case errors.Is(err, errWithdrawn):
			list = append(list, withdrawal{event, "forbidden", "you may not watch this event any more"})
		default:
			s.srv.faults.warn("asking about a subscription failed", err)
			if w.confirmation.unclear(now, r) {
				list = append(list, withdrawal{event, "internal", "access could not be confirmed"})
			}
		}
	}
	s.withdraw(list)
	s.watchGrace()
}
