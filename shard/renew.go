package shard

import (
	"slices"
	"time"

	"pitwall/codec"
)

// renewal names a subscription of a connection that has lost more joins and leaves
// than a shard remembers. Nobody knows which of the devices that its client shows have
// left. So the subscription begins again: a subscribed frame, then a whole snapshot
// from every shard. A device that is in none of them has left.
//
// A renewal is the end of a recovery, in two more commands. With opPause each shard
// pauses the subscription, so that nothing comes between the subscribed frame and the
// snapshots. With opRenew each shard sends its snapshot and goes on.
type renewal struct {
	topic *Topic
	order uint32 // tells it from a later subscription to the same topic
	class int8   // as the shard that asks for it has it
}

// in reports whether the subscription is in list.
func (x renewal) in(list []renewal) bool {
	return slices.ContainsFunc(list, func(y renewal) bool { return x.topic == y.topic && x.order == y.order })
}

func (s *sub) renewal() renewal { return renewal{s.shard.topic, s.order, s.class} }

// streamPaused is an epoch that no connection is in: nothing live is pushed to a
// subscription that has it.
const streamPaused = streamState

// pauseSub ends what is sent to s until it is renewed.
func (w *worker) pauseSub(s *sub) {
	w.catchUp(s)
	s.cancelWait()
	if !s.missed {
		s.missed, s.since = true, s.shard.sealed
	}
	s.epoch = streamPaused
}

// nextPhase turns a recovery's command, which all shards have carried out, into the next
// one. It returns true if there is a next one, which the caller submits.
func (o *op) nextPhase() (more bool) {
	switch o.kind {
	case opRecover:
		o.kind = opPause
		for _, x := range slices.Concat(o.renewals...) {
			if !x.in(o.renewing) {
				o.renewing = append(o.renewing, x)
			}
		}
	case opPause:
		o.kind = opRenew
		o.renewing = slices.DeleteFunc(o.renewing, func(x renewal) bool {
			// A shard that does not have the subscription has carried out an unsubscribe.
			return slices.ContainsFunc(o.renewals, func(has []renewal) bool { return !x.in(has) })
		})
		for _, x := range o.renewing {
			o.conn.Push(x.subscribed(o.conn.core))
		}
	case opRenew:
		o.renewing = nil
	}
	clear(o.renewals)
	if len(o.renewing) == 0 {
		o.kind = opRecover
	}
	return len(o.renewing) > 0
}

// subscribed is the frame with which the subscription begins again. The caller is the
// last shard that paused it. That shard has not carried out an unsubscribe, so the
// answer to an unsubscribe comes later than this frame.
func (x renewal) subscribed(c *Core) *Chunk {
	every := c.Window()
	if x.class != classNone {
		every = Intervals[x.class]
	}
	ms := int(every / time.Millisecond)
	return NewControl(codec.AppendSubscribed(nil, "", x.topic.Name(), c.Devices(x.topic), len(x.topic.shards), ms, ""))
}

// pauseRenewed carries out opPause on this shard.
func (w *worker) pauseRenewed(o *op) {
	for _, x := range o.renewing {
		w.addPaused(o.conn, x)
	}
	for s := o.conn.subs[w.id]; s != nil; s = s.next {
		if x := s.renewal(); x.in(o.renewing) {
			w.pauseSub(s)
			o.renewals[w.id] = append(o.renewals[w.id], x)
		}
	}
}

// addPaused adds the subscription x of c without its first snapshot, if it still waits
// for that on this shard. The renewal brings the snapshot.
func (w *worker) addPaused(c *Conn, x renewal) {
	for _, b := range w.builds {
		if b.shard != x.topic.shards[w.id] {
			continue
		}
		for _, y := range slices.Concat(b.waiters[0], b.waiters[1]) {
			if s := y.sub; (y.why == toSubscribe || y.why == toResume) && s.conn == c && s.order == x.order && s.wait == b {
				s.cancelWait()
				s.missed, s.since, s.epoch = true, s.shard.sealed, streamPaused
				w.addSub(s)
				return
			}
		}
	}
}

// renewSubs carries out opRenew on this shard.
func (w *worker) renewSubs(o *op) {
	for s := o.conn.subs[w.id]; s != nil; s = s.next {
		if s.renewal().in(o.renewing) {
			w.renew(s, o)
		}
	}
}

// renew sends s what a new subscriber gets.
func (w *worker) renew(s *sub, o *op) {
	p := s.shard
	if s.class == classNone {
		w.sealLeavers(p)
	}
	w.catchUp(s) // it is paused, so this pushes nothing
	if !w.subscribeReady(s) {
		w.awaitBuild(s, o, toRenew, 0, bodySnapshot)
		return
	}
	w.count[countRecoveries]++
	s.epoch, s.missed, s.conflated, s.since = o.epoch, false, 0, p.sealed
	w.send(s.conn, w.subscribeFrame(p, s.conn.snapshotKind(p)))
	if s.class != classNone {
		w.sendRoster(s, s.since)
	}
}
