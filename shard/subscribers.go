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
func (a *subscribers) add(s *sub) {
	s.pos = int32(len(a.list))
	a.list = append(a.list, s)
}

// remove takes s out. A sub that is still owed is replaced by the last one that
// is, so that none is skipped and none is served twice.
func (a *subscribers) remove(s *sub) {
	if int(s.pos) < a.owed {
		a.markServed(s)
	}
	last := len(a.list) - 1
	a.put(a.list[last], int(s.pos))
	a.list[last] = nil
	a.list = a.list[:last]
}

// markServed moves s, which is owed the broadcast, to those that have had it.
func (a *subscribers) markServed(s *sub) {
	a.owed--
	at, last := int(s.pos), a.list[a.owed]
	a.put(s, a.owed)
	a.put(last, at)
}

func (a *subscribers) put(s *sub, pos int) {
	a.list[pos] = s
	s.pos = int32(pos)
}

// subscribers is the list that s is in.
func (s *sub) subscribers() *subscribers {
	if s.class == classNone {
		return &s.shard.live[s.conn.encoding]
	}
	return &s.shard.classes[s.class].subscribers
}
