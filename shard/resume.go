package shard

import (
	"time"

	"pitwall/codec"
)

// Resume is Subscribe for a client that shows the state of t at a moment. since is the
// first second, by the Redis server's clock, of which the client may lack something. The
// caller has asked CanResume. Every shard sends what has changed since then, at least: a
// roster frame, a snapshot with the reason resume, and one with the reason corrected.
//
// done is as for Subscribe, but complete is false if a shard has forgotten changes since
// CanResume. Then the subscription is of no use, and the caller must Unsubscribe.
func (c *Core) Resume(conn *Conn, t *Topic, interval time.Duration, since int64, done func(complete bool)) {
	o := c.newSubscribe(conn, t, interval)
	o.since = since
	o.done = func() { done(!o.incomplete.Load()) }
	c.submit(o)
}

// resume carries out opSubscribe for s, whose client shows an earlier state of the topic.
// The topic shard counts s as a watcher already.
func (w *worker) resume(s *sub, o *op) {
	p := s.shard
	if s.class == classNone {
		w.sealLarge(s)
	}
	since, ok := p.changedSince(o.since)
	switch {
	case !ok:
		w.endResume(p, o)
	case !w.recoveryReady(s, since):
		s.since = since
		w.awaitBuild(s, o, toResume, since, bodyLagged)
	default:
		w.addSub(s) // first: its pending bytes decide which joins and leaves are sent now
		s.conn.snapshotBytes.Add(int64(w.sendMissed(s, since, codec.SnapshotResume, 0)))
		if s.class != classNone {
			s.since = p.sealed
		}
	}
}

// endWaitToResume sends s, which has waited for b, what changed, if p still knows the
// joins and leaves.
func (w *worker) endWaitToResume(s *sub, b *build, o *op) {
	p := s.shard
	if s.since < p.roster.completeSince {
		w.endResume(p, o)
		return
	}
	s.conn.snapshotBytes.Add(int64(w.sendLost(s, b, codec.SnapshotResume)))
	w.addSub(s)
	w.resumeNew(s, b.base, o)
}

// endResume ends a subscribe for which p has forgotten too much, without a subscription.
func (w *worker) endResume(p *topicShard, o *op) {
	o.incomplete.Store(true)
	w.unwatch(p)
}
