package shard

import "container/list"

// device is a tracker as its shard knows it. Only that shard touches it.
type device struct {
	id    string
	val   *value    // last position sent or to be sent; nil for none
	shown lastShown // the record that held holds or, without one, val
	bans  *bans     // what the last correction has banned; nil for nothing
	clock clock
	limit limit

	held        *value // newer than val, held back until the limit allows it; nil for none
	heldArrival int64  // of held
	heldFrom    int64  // arrival, by the server's clock, of the first position held back since val
	holds       bool   // the device is in worker.holding

	memberships []*membership

	orphan *list.Element // its place in worker.orphans; nil for a device in an event
}

// membership is a device in a topic, on its shard. A topic shard keeps its memberships
// in order of last change.
type membership struct {
	dev        *device
	shard      *topicShard
	prev, next *membership
	seq        uint64 // number of its last update; 0: it never had a value here
	fixed      uint64 // number of its last update that was a correction, which subscribers are told as such
	old        *value // its value at the last seal, while a newer one is pending; see replaced.go
	oldSeq     uint64 // number of the update that brought old
	built      uint64 // the last build that has it
}

// value is an encoded position. Its memory is used again when nobody refers to it any
// more.
type value struct {
	buf  []byte
	refs int32 // of its shard only
}

// values are the free values of a shard.
type values struct{ free []*value }

// maxSpare bounds the memory of a free value, in bytes: one giant record must not make
// every value giant.
const maxSpare = 2 << 10

func (s *values) fresh() *value {
	if n := len(s.free); n > 0 {
		v := s.free[n-1]
		s.free = s.free[:n-1]
		v.refs = 1
		return v
	}
	return &value{refs: 1}
}

func (s *values) release(v *value) {
	if v == nil {
		return
	}
	if v.refs--; v.refs > 0 || cap(v.buf) > maxSpare || len(s.free) >= 4096 {
		return
	}
	v.buf = v.buf[:0]
	s.free = append(s.free, v)
}

// touch makes n the most recently changed membership of p, with a new update number.
func (p *topicShard) touch(n *membership) {
	p.seq++
	n.seq = p.seq
	if p.last != n {
		p.unlink(n)
		p.link(n)
	}
	if p.replaced == nil {
		p.replaced = n
	}
}

// link puts n last, as the one that changed most recently.
func (p *topicShard) link(n *membership) {
	n.prev = p.last
	if p.last != nil {
		p.last.next = n
	} else {
		p.oldest = n
	}
	p.last = n
}

// linkOldest puts n first, as one that never changed.
func (p *topicShard) linkOldest(n *membership) {
	n.next = p.oldest
	if p.oldest != nil {
		p.oldest.prev = n
	} else {
		p.last = n
	}
	p.oldest = n
}

func (p *topicShard) unlink(n *membership) {
	if p.replaced == n {
		p.replaced = n.next
	}
	if n.prev != nil {
		n.prev.next = n.next
	} else if p.oldest == n {
		p.oldest = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else if p.last == n {
		p.last = n.prev
	}
	n.prev, n.next = nil, nil
}

// join makes d a member of p.
func (p *topicShard) join(d *device) {
	n := &membership{dev: d, shard: p}
	p.linkOldest(n)
	d.memberships = append(d.memberships, n)
}

// removeDevice ends the membership of d in p, if it has one. free gets its old value.
func (p *topicShard) removeDevice(d *device, free *values) {
	for i, n := range d.memberships {
		if n.shard != p {
			continue
		}
		p.departed = max(p.departed, n.seq)
		p.unlink(n)
		free.release(n.old)
		last := len(d.memberships) - 1
		d.memberships[i] = d.memberships[last]
		d.memberships[last] = nil
		d.memberships = d.memberships[:last]
		return
	}
}
