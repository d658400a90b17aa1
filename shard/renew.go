package shard

import (
	"slices"
	"time"

	"pitwall/codec"
)

// renewal names a subscription of a connection that has lost more joins and
// leaves than a shard remembers. Nobody can say which of the devices on its
// screen have left, so the subscription begins again there, without being asked:
// a subscribed frame, then a whole snapshot from every shard. A device that is
// in none of them has left.
//
// It is the end of a recovery, in two more commands. With opStop each shard
// stops what it sends the subscription, so that nothing stands between the
// subscribed frame and the snapshots; with opRenew each sends its snapshot and
// goes on.
type renewal struct {
	topic *Topic
	order uint32 // tells it from a later subscription to the same topic
	class int8   // as the shard that asks for it has it
}

// in reports whether the subscription is in list.
func (x renewal) in(list []renewal) bool {
	return slices.ContainsFunc(list, func(y renewal) bool { return x.topic == y.topic && x.order == y.order })
}

func (s *sub) renewal() renewal { return renewal{s.part.topic, s.order, s.class} }

// unopened is no flow of a connection: nothing live is pushed to a subscription
// that has it.
const unopened = flowState

// stop ends what is sent to s until it is renewed.
func (w *worker) stop(s *sub) {
	w.catchUp(s)
	s.unwait()
	if !s.missed {
		s.missed, s.since = true, s.part.sealed
	}
	s.opened = unopened
}

// next turns a recovery's command that all shards have carried out into the one
// that follows. It returns true if there is one, which the caller submits.
func (o *op) next() (more bool) {
	switch o.kind {
	case opRecover:
		o.kind = opStop
		for _, x := range slices.Concat(o.renewals...) {
			if !x.in(o.wanted) {
				o.wanted = append(o.wanted, x)
			}
		}
	case opStop:
		o.kind = opRenew
		o.wanted = slices.DeleteFunc(o.wanted, func(x renewal) bool {
			// A shard that does not have it has carried out an unsubscribe.
			return slices.ContainsFunc(o.renewals, func(has []renewal) bool { return !x.in(has) })
		})
		for _, x := range o.wanted {
			o.conn.Push(x.subscribed(o.conn.core))
		}
	case opRenew:
		o.wanted = nil
	}
	clear(o.renewals)
	if len(o.wanted) == 0 {
		o.kind = opRecover
	}
	return len(o.wanted) > 0
}

// subscribed is the frame with which the subscription begins again. The caller
// is the last shard to stop it. That one has not carried out an unsubscribe, so
// the answer to that comes later.
func (x renewal) subscribed(c *Core) *Chunk {
	every := c.Window()
	if x.class != classNone {
		every = Intervals[x.class]
	}
	ms := int(every / time.Millisecond)
	return NewControl(codec.AppendSubscribed(nil, "", x.topic.Name(), c.Devices(x.topic), len(x.topic.parts), ms))
}

// stopAll carries out opStop on this shard.
func (w *worker) stopAll(o *op) {
	for _, x := range o.wanted {
		w.enrol(o.conn, x)
	}
	for s := o.conn.subs[w.id]; s != nil; s = s.next {
		if x := s.renewal(); x.in(o.wanted) {
			w.stop(s)
			o.renewals[w.id] = append(o.renewals[w.id], x)
		}
	}
}

// enrol has the subscription x of c, if it still waits for its first snapshot here,
// be one without it. A renewal is about to stop it, and brings it.
func (w *worker) enrol(c *Conn, x renewal) {
	for _, b := range w.builds {
		if b.part != x.topic.parts[w.id] || b.form != formSnapshot {
			continue
		}
		for _, y := range slices.Concat(b.waits[0], b.waits[1]) {
			if s := y.sub; y.why == toSubscribe && s.conn == c && s.order == x.order && s.wait == b {
				s.unwait()
				s.missed, s.since, s.opened = true, s.part.sealed, unopened
				w.enter(s)
				return
			}
		}
	}
}

// renewAll carries out opRenew on this shard.
func (w *worker) renewAll(o *op) {
	for s := o.conn.subs[w.id]; s != nil; s = s.next {
		if s.renewal().in(o.wanted) {
			w.renew(s, o)
		}
	}
}

// renew sends s what a new subscriber gets.
func (w *worker) renew(s *sub, o *op) {
	p := s.part
	if s.class == classNone {
		w.sealLeavers(p)
	}
	w.catchUp(s) // it is stopped, so this pushes nothing
	if !w.readySubscribed(s) {
		w.postpone(s, o, toRenew, 0, formSnapshot)
		return
	}
	w.count.recoveries++
	s.opened, s.missed, s.conflated, s.since = o.opened, false, 0, p.sealed
	w.send(s.conn, w.subscribed(p, s.conn.snapshots(p)))
	if s.class == classNone {
		return
	}
	if ch := w.rosterSince(s, s.since); ch != nil {
		w.send(s.conn, ch)
	}
}
