package shard

import "sync/atomic"

// inbox holds a shard's commands. It is an intrusive lock-free list. A sender never
// waits for the shard, and the shard never waits for a sender, so no deadlock is
// possible. A command has one link per shard. The senders bound the number of commands: a
// connection has at most one of its session and one recovery under way.
//
// Memory ordering: the compare-and-swap in put publishes the command with everything
// that was written to it before; the swap in all acquires it. The list is newest
// first; all reverses it, which keeps the order of each sender.
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
