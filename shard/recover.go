package shard

import (
	"slices"

	"pitwall/codec"
)

// recover carries out opRecover: every subscription of the connection that
// lost something gets what changed since.
func (w *worker) recover(o *op) {
	c := o.conn
	if c.subs == nil || c.Closed() {
		return
	}
	for s := c.subs[w.id]; s != nil; s = s.next {
		w.catchUp(s)
		if _, _, lost := s.lost(o.losses); lost && s.class == classNone {
			// A pending position of a device that has left may be older than
			// what is shown, by a correction that nothing tells any more.
			w.sealLeavers(s.part)
			w.catchUp(s)
		}
		since, updates, lost := s.lost(o.losses)
		if lost && since < s.part.roster.whole {
			w.askRenewal(s, o, since)
			continue
		}
		s.opened = o.opened
		if lost {
			w.recoverSub(s, since, updates)
		}
	}
}

// recoverSub sends s what changed after since, of which updates are not in its
// own count.
func (w *worker) recoverSub(s *sub, since, updates uint64) {
	w.count.recoveries++
	conflated := s.conflated + updates
	s.missed, s.conflated = false, 0
	if s.class != classNone {
		s.since = s.part.sealed
	}
	if ch := w.rosterSince(s, since); ch != nil {
		w.send(s.conn, ch)
	}
	w.sendLagged(s, since, conflated)
	if start := s.part.roundDown(since); s.part.fixed > start { // what the lagged one has left out
		w.sendHeaded(s.conn, w.corrected(s.part, start, s.part.sealed))
	}
}

// lost returns what s has lost, by its own note and by the writer's. A sub of a
// class is owed everything since its last tick in any case.
func (s *sub) lost(losses []loss) (since, updates uint64, lost bool) {
	since, lost = s.since, s.missed
	for i := range losses {
		l := &losses[i]
		if l.part != s.part {
			continue
		}
		if !lost && s.class == classNone {
			since = l.since
		}
		return min(since, l.since), l.updates, true
	}
	return since, 0, lost
}

// renewal names a subscription of a connection that has lost more joins and
// leaves than a shard remembers. Nobody can say which of the devices on its
// screen have left, so the subscription begins again there: the shard sends a
// subscribed frame, and once all shards have carried out the recovery, each of
// them sends a whole snapshot. What is in none of them has left.
//
// The shard that sends the subscribed frame still has the subscription, so that
// frame stands before the answer to any unsubscribe. The order tells the
// subscription from a later one to the same topic.
type renewal struct {
	topic *Topic
	order uint32
}

// unopened is no flow of a connection: nothing live is pushed to a subscription
// that has it.
const unopened = flowState

// askRenewal begins the renewal of s. Nothing more is pushed to s before its
// snapshot.
func (w *worker) askRenewal(s *sub, o *op, since uint64) {
	if !s.missed {
		s.missed, s.since = true, since
	}
	s.opened = unopened
	t := s.part.topic
	every := w.core.Window()
	if s.class != classNone {
		every = Intervals[s.class]
	}
	frame := codec.AppendSubscribed(nil, "", t.Name(), w.core.Devices(t), len(t.parts), int(every.Milliseconds()))
	w.send(s.conn, NewControl(frame))
	o.stale[w.id] = append(o.stale[w.id], renewal{t, s.order})
}

// renews turns a recovery that all shards have carried out into the renewal of
// what it could not recover, if there is any.
func (o *op) renews() bool {
	if o.kind == opRenew {
		o.kind = opRecover
		clear(o.stale)
		return false
	}
	for _, list := range o.stale {
		if len(list) > 0 {
			o.kind = opRenew
			return true
		}
	}
	return false
}

// renew carries out opRenew.
func (w *worker) renew(o *op) {
	c := o.conn
	if c.Closed() {
		return
	}
	for s := c.subs[w.id]; s != nil; s = s.next {
		for _, list := range o.stale {
			if slices.Contains(list, renewal{s.part.topic, s.order}) {
				w.renewSub(s, o.opened)
				break
			}
		}
	}
}

// renewSub sends s a whole snapshot, as to a new subscriber. Where s was
// recovered and has lost something again since, that is told all the same.
func (w *worker) renewSub(s *sub, opened uint32) {
	p := s.part
	w.catchUp(s)
	if s.class == classNone {
		w.sealLeavers(p)
		w.catchUp(s)
	}
	w.send(s.conn, w.subscribed(p, s.conn.snapshots(p)))
	if s.opened == unopened {
		w.count.recoveries++
		s.opened, s.missed, s.conflated = opened, false, 0
	}
	if s.class != classNone && !s.missed {
		s.since = p.sealed
		if ch := w.rosterSince(s, s.since); ch != nil {
			w.send(s.conn, ch)
		}
	}
}
