package shard

import "sync/atomic"

// flushSchedule is a topic's next moment of sending, shared by all its shards, in
// ns of the core's clock. It makes them seal at the same moments, so that a
// connection is written once per topic and window, and lets a quiet topic
// send at once.
//
// Memory ordering: next only moves forward, by CAS. A shard that joins either
// reads a moment that lies ahead, which nobody moves before it has come, or
// moves a moment that has passed and is the only one who leads. sealed may run
// late or twice; it moves next only if it still stands at or before due.
type flushSchedule struct{ next atomic.Int64 }

// join returns the moment at which what becomes pending now is due. lead is
// true for the one shard that finds the topic quiet: it seals at once.
func (i *flushSchedule) join(now, window int64) (due int64, lead bool) {
	for {
		n := i.next.Load()
		if n > now {
			return n, false
		}
		if i.next.CompareAndSwap(n, now+window) {
			return now, true
		}
	}
}

// sealed says that a shard has sealed at due.
func (i *flushSchedule) sealed(due, window int64) {
	for {
		n := i.next.Load()
		if n > due || i.next.CompareAndSwap(n, due+window) {
			return
		}
	}
}
