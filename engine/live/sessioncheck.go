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

// sessionCheck asks whether a session may stay, and then about its subscriptions. It has
// one question at a time in the pool, so a session with many subscriptions takes no more
// of the pool than one with few. Each answer is applied when it comes, without waiting
// for the others.
type sessionCheck struct {
	s          *session
	generation atomic.Uint64 // of access, when the check was last started
	unread     atomic.Bool   // there are answers that the dispatchers have not taken
	cost       int64         // counted for the session, in bytes; the dispatchers own it

	mu       sync.Mutex
	waiter   *waiter    // for the question under way; nil for none
	identity any        // whose session it is
	events   []string   // the events that it has subscribed to
	starts   bool       // the next question is about the session itself
	todo     []eventKey // the questions after it
	asked    int        // questions about events so far
	dropped  bool       // no answer matters any more
	decision decision
}

// eventKey is an event that somebody has to be asked about, and the key of the question.
type eventKey struct{ event, key string }

// decision is what the answers of a check say, as far as they have come.
type decision struct {
	session  bool // identity and err are the answer about the session itself
	identity any  // nil: the session must end, unless err says that nobody can tell
	err      error
	events   map[string]error // nil: may be watched; errWithdrawn: may not; other: nobody can tell
}

// The memory of a check with a question and its places in lists, and of each event, in
// bytes.
var (
	checkBytes = int64(reflect.TypeFor[sessionCheck]().Size()) + authWaitBytes
	eventBytes = int64(reflect.TypeFor[eventKey]().Size()) + 128
)

// startCheck starts a check of the session. If one is under way, access has changed
// since: it starts again, after its current question. The subscription whose last
// confirmation is oldest comes first. The dispatchers call it.
func (s *session) startCheck() {
	s.checkWanted.Store(false)
	now, r := time.Now(), &s.srv.opts.Reauth
	s.confirmation.startGrace(now, r)
	for _, sub := range s.subscriptions {
		sub.confirmation.startGrace(now, r)
	}
	s.watchGraces()
	oldestFirst := slices.Clone(s.subscriptions)
	slices.SortStableFunc(oldestFirst, func(a, b *subscription) int { return a.confirmation.at.Compare(b.confirmation.at) })
	events := make([]string, 0, len(oldestFirst))
	for _, sub := range oldestFirst {
		events = append(events, sub.topic.Event())
	}
	c := s.check.Load()
	if c == nil {
		c = &sessionCheck{s: s}
		s.check.Store(c)
	}
	c.generation.Store(s.srv.generation.Load())
	cost := checkBytes + int64(len(events))*eventBytes
	s.asking.Add(cost - c.cost)
	c.cost = cost
	c.start(s.identity, events)
}

// start asks about the session itself. If that needs nobody else, the answer comes at
// once.
func (c *sessionCheck) start(identity any, events []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identity, c.events, c.starts, c.asked, c.todo = identity, events, true, 0, nil
	if k := c.s.srv.opts.Reauth.Keeper; k.ConfirmKey(identity) == "" {
		now, err := k.Confirm(context.Background(), identity) // does not wait
		c.sessionAnswered(answer{identity: now, err: err})
	}
	if c.waiter == nil {
		c.next()
	}
}

// next asks the next question, if there is one. mu is held.
func (c *sessionCheck) next() {
	identity := c.identity
	switch {
	case c.dropped:
	case c.starts:
		c.starts = false
		k := c.s.srv.opts.Reauth.Keeper
		c.ask(0, "session "+k.ConfirmKey(identity), func(ctx context.Context) (a answer) {
			a.identity, a.err = k.Confirm(ctx, identity)
			return a
		}, func(a answer) {
			if !c.starts { // otherwise the check was started again: this answer is outdated
				c.sessionAnswered(a)
			}
		})
	case len(c.todo) > 0:
		q := c.todo[0]
		c.todo = c.todo[1:]
		c.asked++
		c.ask(c.asked-1, "event "+q.key, func(ctx context.Context) (a answer) {
			a.allowed, a.err = c.s.srv.opts.Access.Ask(ctx, identity, q.event, true)
			return a
		}, func(a answer) { c.eventAnswered(q.event, a.allowed, a.err) })
	}
}

// ask has a question asked, then called with the answer, and the next question asked.
// then runs on a goroutine of the pool. mu is held, for then as well.
func (c *sessionCheck) ask(priority int, key string, ask func(context.Context) answer, then func(answer)) {
	c.waiter = &waiter{then: func(a answer) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiter = nil
		then(a)
		c.next()
	}}
	c.s.srv.checks.add(c.waiter, priority, c.s.srv.currentKey(key), ask)
}

// sessionAnswered notes the answer about the session. Unless the session must end, it
// decides what to ask about its subscriptions. If nobody can tell about the session,
// there may still be a plain no about an event. mu is held.
func (c *sessionCheck) sessionAnswered(a answer) {
	d := &c.decision
	d.session, d.identity, d.err = true, a.identity, a.err
	c.starts, c.todo = false, nil
	if a.err == nil {
		c.identity = a.identity
	}
	if c.identity != nil {
		c.decideEvents()
	}
	c.notify()
}

// decideEvents decides about the events that need nobody else, and notes the questions
// about the others. mu is held.
func (c *sessionCheck) decideEvents() {
	for _, event := range c.events {
		if allowed, key, err := c.s.srv.opts.Access.Decide(c.identity, event); key != "" {
			c.todo = append(c.todo, eventKey{event, key})
		} else {
			c.eventAnswered(event, allowed, err)
		}
	}
}

// eventAnswered notes the answer about an event. mu is held.
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

// notify has a dispatcher take the decision.
func (c *sessionCheck) notify() {
	c.unread.Store(true)
	c.s.schedule()
}

// take returns the answers since the last call. last says that no more will come.
func (c *sessionCheck) take() (d decision, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread.Store(false)
	d, c.decision = c.decision, decision{}
	return d, c.waiter == nil
}

// takeDecision applies the answers that a check has got. The dispatchers call it.
func (s *session) takeDecision(c *sessionCheck) {
	d, last := c.take()
	if last {
		s.check.Store(nil)
		s.asking.Add(-c.cost)
		s.unanswered.Store(false)
	}
	s.apply(d)
}

// dropCheck ends the check of the session, if one is under way. The dispatchers call it.
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
		s.srv.checks.drop(c.waiter)
	}
}

// apply applies a decision. The dispatchers call it.
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
	case d.identity == nil:
		s.close(4401, "access was withdrawn")
		return
	default:
		s.setIdentity(d.identity)
	}
	var list []withdrawal
	for event, err := range d.events {
		sub := s.subscription(event)
		switch {
		case sub == nil:
		case err == nil:
			sub.confirmation.confirm(now)
		case errors.Is(err, errWithdrawn):
			list = append(list, withdrawal{event, "forbidden", "you may not watch this event any more"})
		default:
			s.srv.faults.warn("asking about a subscription failed", err)
			if sub.confirmation.unclear(now, r) {
				list = append(list, unconfirmed(event))
			}
		}
	}
	s.withdraw(list)
	s.watchGraces()
}
