package shard

import "sync/atomic"

// flushSchedule is the next moment at which a topic is sent, shared by all its shards,
// in ns of the core's clock. The shards seal at the same moments, so that a
// connection is written to once per topic and window. A quiet topic is sent at once.
//
// Memory ordering: next only moves forward, by compare-and-swap, and it publishes
// nothing but itself. A shard that joins reads next. A moment in the future stays until
// it has come. A moment in the past is moved: only one shard succeeds in that, and leads.
// sealed may run late or twice: it moves next only if next is still at or before due.
type flushSchedule struct{ next atomic.Int64 }

// join returns the moment at which what becomes pending now is due. lead is true for
// the one shard that finds the topic quiet: it seals at once. Any shard may call it.
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

// sealed notes that a shard has sealed at due: nothing is due again for a window.
func (i *flushSchedule) sealed(due, window int64) {
	for {
		n := i.next.Load()
		if n > due || i.next.CompareAndSwap(n, due+window) {
			return
		}
	}
}
