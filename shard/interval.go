package shard

import "time"

// Intervals are the intervals that a subscriber can ask for. In that time it gets at
// most one update per device, the newest. All who ask for the same interval get their
// updates at the same moments.
var Intervals = [...]time.Duration{
	250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second,
	10 * time.Second, 30 * time.Second, 60 * time.Second,
}

// classNone is the class of subscriptions to the live flow.
const classNone = -1

// RoundInterval rounds d up to one of Intervals. It returns 0 if d is 0 or less, and the
// longest if d is longer.
func RoundInterval(d time.Duration) time.Duration {
	if c := classOf(d); c != classNone {
		return Intervals[c]
	}
	return 0
}

func classOf(d time.Duration) int {
	if d <= 0 {
		return classNone
	}
	for i, x := range Intervals {
		if d <= x {
			return i
		}
	}
	return len(Intervals) - 1
}

// class is the subscribers of a topic shard with one interval.
type class struct {
	subscribers
	deadline deadline
}

func (w *worker) enterClass(s *sub) {
	p := s.shard
	k := p.classes[s.class]
	if k == nil {
		k = &class{deadline: deadline{shard: p, class: int(s.class), pos: -1}}
		p.classes[s.class] = k
	}
	if len(k.list) == 0 {
		w.timers.set(&k.deadline, nextTick(w.now, int(s.class)))
	}
	k.add(s)
}

func (w *worker) leaveClass(s *sub) {
	k := s.shard.classes[s.class]
	k.remove(s)
	if len(k.list) == 0 {
		w.timers.stop(&k.deadline)
		s.shard.classes[s.class] = nil
	}
}

// nextTick is the next moment after now that is a multiple of the interval.
func nextTick(now int64, class int) int64 {
	i := int64(Intervals[class])
	return (now/i + 1) * i
}

// tick sends each subscriber of a class what changed between its last tick and the
// last seal. Subscribers that were last sent the same state share their bytes. Few bodies
// are encoded, since there are few seals in an interval. While another broadcast to the
// class is under way, the tick waits. It returns the number of pushes made.
func (w *worker) tick(p *topicShard, class int, at int64) (pushes int) {
	k := p.classes[class]
	if k.sending {
		w.timers.set(&k.deadline, w.now+1) // the next turn
		return 0
	}
	w.timers.set(&k.deadline, nextTick(max(w.now, at), class))
	pushes = w.broadcast(&k.subscribers, broadcast{due: at, flush: at})
	w.splice(at)
	return pushes
}

func (w *worker) tickTo(s *sub) {
	p := s.shard
	if s.since >= p.sealed || s.missed || s.wait != nil {
		return
	}
	ch, ready := w.changes(p, s.conn.encoding, s.since)
	if !ready {
		w.awaitBuild(s, nil, toTick, s.since, bodyKind(s.conn.encoding.uncompressed()))
		return
	}
	if ch == nil || w.pushTo(s, ch) { // nil: only the roster has changed
		s.since = p.sealed
	}
}
