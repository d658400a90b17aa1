package shard

// subscribers is a list of subscriptions that are broadcast to: the live flow of a
// topic shard in one encoding, or an interval class. One broadcast at a time goes
// through it, from the end to the front. It may be interrupted after any push, and the
// list may grow and shrink meanwhile.
//
// Invariant: list[:owed] are still owed the broadcast, the others have had it or
// came later, and every sub knows its place.
type subscribers struct {
	list []*sub
	owed int

	broadcast broadcast
	sending   bool // the broadcast is under way; long ones are in worker.broadcasts
}

// add puts s at the end, which a broadcast under way has passed.
func (l *subscribers) add(s *sub) {
	s.pos = int32(len(l.list))
	l.list = append(l.list, s)
}

// remove takes s out. A sub that is still owed is replaced by the last one that
// is, so that none is skipped and none is served twice.
func (l *subscribers) remove(s *sub) {
	if int(s.pos) < l.owed {
		l.markServed(s)
	}
	last := len(l.list) - 1
	l.put(l.list[last], int(s.pos))
	l.list[last] = nil
	l.list = l.list[:last]
}

// markServed moves s, which is owed the broadcast, to those that have had it.
func (l *subscribers) markServed(s *sub) {
	l.owed--
	at, last := int(s.pos), l.list[l.owed]
	l.put(s, l.owed)
	l.put(last, at)
}

func (l *subscribers) put(s *sub, pos int) {
	l.list[pos] = s
	s.pos = int32(pos)
}

// subscribers is the list that s is in.
func (s *sub) subscribers() *subscribers {
	if s.class == classNone {
		return &s.shard.live[s.conn.encoding]
	}
	return &s.shard.classes[s.class].subscribers
}
