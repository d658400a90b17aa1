package shard

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"pitwall/codec"
)

// mapChanges changes the map of a course.
type mapChanges struct {
	c       *course
	members map[string]map[string]bool // event -> devices; nil while there is no such event
}

func newMapChanges(c *course, rng *rand.Rand) *mapChanges {
	r := &mapChanges{c, map[string]map[string]bool{}}
	for _, e := range c.events {
		r.members[e] = map[string]bool{}
		for id := range c.fleet.byID {
			if rng.IntN(2) == 0 {
				r.members[e][id] = true
			}
		}
	}
	return r
}

// change moves some devices in and out, and at times has an event end or begin.
func (r *mapChanges) change(rng *rand.Rand) {
	e := r.c.events[rng.IntN(len(r.c.events))]
	if r.members[e] == nil {
		r.members[e] = map[string]bool{}
	}
	for id, d := range r.c.fleet.byID {
		if d.moves && rng.IntN(4) == 0 {
			if r.members[e][id] {
				delete(r.members[e], id)
			} else {
				r.members[e][id] = true
			}
		}
	}
	if e != r.c.events[0] && rng.IntN(6) == 0 {
		r.members[e] = nil
	}
	r.swap()
}

func (r *mapChanges) swap() {
	var ro Roster
	for e, devices := range r.members {
		if devices != nil {
			ro.Events = append(ro.Events, e)
		}
		for id := range devices {
			ro.Pairs = append(ro.Pairs, Pair{id, e})
		}
	}
	if err := r.c.core.Swap(context.Background(), ro); err != nil {
		r.c.t.Errorf("swap: %v", err)
	}
}

// session sends the commands of one spectator after the other.
type session struct {
	c    *course
	s    *spectator
	held map[string]*Topic
}

var spectators atomic.Int64

func newSession(c *course, rng *rand.Rand) *session {
	s := &session{c: c}
	s.come(rng)
	return s
}

// come has a new spectator connect.
func (x *session) come(rng *rand.Rand) {
	x.held = map[string]*Topic{}
	x.s = newSpectator(x.c, int(spectators.Add(1)), rng)
	x.c.mu.Lock()
	x.c.here = append(x.c.here, x.s)
	x.c.mu.Unlock()
}

func (x *session) act(rng *rand.Rand) {
	e := x.c.events[rng.IntN(len(x.c.events))]
	switch n := rng.IntN(100); {
	case n < 70 && (x.held[e] == nil || n < 12):
		x.subscribe(e, Intervals[0]*time.Duration(max(0, rng.IntN(5)-2)))
	case n < 90 && n >= 80 && x.held[e] != nil:
		x.unsubscribe(e)
	case n == 99:
		x.leave()
		x.come(rng)
	}
}

// subscribe asks for e, or changes the interval.
func (x *session) subscribe(e string, interval time.Duration) {
	t, parts := x.held[e], 0
	if t == nil {
		var ok bool
		if t, ok = x.c.core.Watch(e); !ok {
			return
		}
		x.held[e], parts = t, x.c.core.Shards()
	}
	done := make(chan struct{})
	x.s.asks(t.Name(), &ask{interval: interval, held: true, pending: true})
	x.s.conn.Push(NewControl(codec.AppendSubscribed(nil, "", t.Name(), x.c.core.Devices(t), parts, int(interval.Milliseconds()))))
	x.c.core.Subscribe(x.s.conn, t, interval, func() { x.s.served(t.Name()); close(done) })
	x.await(done)
}

func (x *session) unsubscribe(e string) {
	t := x.held[e]
	done := make(chan struct{})
	x.s.asks(t.Name(), &ask{pending: true})
	answer := NewControl(codec.AppendUnsubscribed(nil, "", t.Name()))
	x.c.core.Unsubscribe(x.s.conn, t, answer, func() { close(done) })
	x.await(done)
	x.c.core.Unwatch(t)
	delete(x.held, e)
}

// leave ends the connection, with whatever is in its queue.
func (x *session) leave() {
	done := make(chan struct{})
	x.s.conn.Close()
	x.c.core.Leave(x.s.conn, func() { close(done) })
	x.await(done)
	for _, t := range x.held {
		x.c.core.Unwatch(t)
	}
	x.s.conn.Schedule() // the writer lets go of what it has
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	x.c.gone = append(x.c.gone, x.s)
	for i, s := range x.c.here {
		if s == x.s {
			x.c.here = append(x.c.here[:i], x.c.here[i+1:]...)
			break
		}
	}
}

func (x *session) await(done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(patience):
		x.c.t.Errorf("spectator %d: a command is not carried out", x.s.id)
	}
}
