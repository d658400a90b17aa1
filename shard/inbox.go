package shard

import "sync/atomic"

// inbox holds a shard's commands. It is an intrusive list with one push and
// one swap, so that a session or writer that sends a command never waits for
// the shard, and a shard never for them: there is no circle to wait in. A
// command has one link per shard; how many there can be is bounded by its
// senders (one outstanding per session, one per writer and connection).
//
// Memory ordering: the CAS publishes the command with everything written to
// it before; the swap acquires it. The list comes out newest first and is
// turned round, so the order of each sender is kept.
type inbox struct{ head atomic.Pointer[opLink] }

type opLink struct {
	op   *op
	next *opLink
}

// put adds a link and reports whether the inbox was empty, in which case the
// shard must be woken.
func (b *inbox) put(l *opLink) bool {
	for {
		old := b.head.Load()
		l.next = old
		if b.head.CompareAndSwap(old, l) {
			return old == nil
		}
	}
}

// empty reports whether no command waits.
func (b *inbox) empty() bool { return b.head.Load() == nil }

// all takes every command, oldest first.
func (b *inbox) all() *opLink {
	var first *opLink
	for l := b.head.Swap(nil); l != nil; {
		next := l.next
		l.next = first
		first, l = l, next
	}
	return first
}
