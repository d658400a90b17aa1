package shard

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"pitwall/codec"
)

// rosterChanges swaps the map of a stressRun.
type rosterChanges struct {
	c       *stressRun
	members map[string]map[string]bool // event -> devices; nil while the event does not exist
}

func newRosterChanges(c *stressRun, rng *rand.Rand) *rosterChanges {
	r := &rosterChanges{c, map[string]map[string]bool{}}
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

// change adds and removes some devices, and sometimes ends or begins an event.
func (r *rosterChanges) change(rng *rand.Rand) {
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

func (r *rosterChanges) swap() {
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

// session sends the commands of a spectator. When that leaves, another one comes.
type session struct {
	c          *stressRun
	s          *spectator
	subscribed map[string]*Topic
}

var lastSpectator atomic.Int64 // id

func newSession(c *stressRun, rng *rand.Rand) *session {
	s := &session{c: c}
	s.connect(rng)
	return s
}

// connect connects a new spectator.
func (x *session) connect(rng *rand.Rand) {
	x.subscribed = map[string]*Topic{}
	x.s = newSpectator(x.c, int(lastSpectator.Add(1)), rng)
	x.c.mu.Lock()
	x.c.connected = append(x.c.connected, x.s)
	x.c.mu.Unlock()
}

func (x *session) act(rng *rand.Rand) {
	e := x.c.events[rng.IntN(len(x.c.events))]
	switch n := rng.IntN(100); {
	case n < 70 && (x.subscribed[e] == nil || n < 12):
		x.subscribe(e, Intervals[0]*time.Duration(max(0, rng.IntN(5)-2)))
	case n < 90 && n >= 80 && x.subscribed[e] != nil:
		x.unsubscribe(e)
	case n == 99:
		x.disconnect()
		x.connect(rng)
	}
}

// subscribe subscribes to e, or changes the interval.
func (x *session) subscribe(e string, interval time.Duration) {
	t, parts := x.subscribed[e], 0
	if t == nil {
		var ok bool
		if t, ok = x.c.core.Watch(e); !ok {
			return
		}
		x.subscribed[e], parts = t, x.c.core.Shards()
	}
	done := make(chan struct{})
	x.s.request(t.Name(), &request{interval: interval, subscribed: true, pending: true})
	x.s.conn.Push(NewControl(codec.AppendSubscribed(nil, "", t.Name(), x.c.core.Devices(t), parts, int(interval.Milliseconds()), "")))
	x.c.core.Subscribe(x.s.conn, t, interval, func() { x.s.carriedOut(t.Name()); close(done) })
	x.await(done)
}

func (x *session) unsubscribe(e string) {
	t := x.subscribed[e]
	done := make(chan struct{})
	x.s.request(t.Name(), &request{pending: true})
	answer := NewControl(codec.AppendUnsubscribed(nil, "", t.Name()))
	x.c.core.Unsubscribe(x.s.conn, t, answer, func() { close(done) })
	x.await(done)
	x.c.core.Unwatch(t)
	delete(x.subscribed, e)
}

// disconnect closes the connection, whatever is in its queue.
func (x *session) disconnect() {
	done := make(chan struct{})
	x.s.conn.Close()
	x.c.core.Leave(x.s.conn, func() { close(done) })
	x.await(done)
	for _, t := range x.subscribed {
		x.c.core.Unwatch(t)
	}
	x.s.conn.Schedule() // the writer releases what it has taken
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	x.c.disconnected = append(x.c.disconnected, x.s)
	x.c.connected = slices.DeleteFunc(x.c.connected, func(s *spectator) bool { return s == x.s })
}

func (x *session) await(done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(timeout):
		x.c.t.Errorf("spectator %d: a command was not carried out", x.s.id)
	}
}
