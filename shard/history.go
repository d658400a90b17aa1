package shard

import (
	"cmp"
	"container/list"
	"math"
	"slices"
	"sync/atomic"
)

// A client that was disconnected may ask for what has changed since a moment, on any
// instance: see Core.Resume. Moments are in seconds by the Redis server's clock. What a
// shard took in until the end of second x has arrived until then, and so have the joins,
// leaves and corrections that it applied. So a topic shard remembers what its last
// update was when each second began. These marks are a ladder: the older, the further
// apart.

// mark says that everything that changed in second or later has a number above before.
type mark struct {
	second int64
	before uint64 // the last update before the first one of second
}

const (
	maxMarks  = 64
	markBytes = 16
	// maxHistoryBytes bounds what a shard remembers: the marks, and the joins and leaves
	// of topics that nobody watches. Those of the topic that changed longest ago are
	// forgotten first.
	maxHistoryBytes = 16 << 20
	// maxUnwatchedRoster bounds the roster log of a topic that nobody watches, in bytes.
	maxUnwatchedRoster = 64 << 10
)

// history is what a topic shard remembers of its changes.
type history struct {
	marks  []mark
	second int64        // of the last change
	from   atomic.Int64 // the first second from which on nothing is missing; the shard writes it, anybody reads it

	bytes  int           // that the shard counts for this topic
	listed *list.Element // its place in worker.histories; nil while bytes is 0
}

// noteSecond moves the shard's second forward. It is called before anything is taken in.
// It never goes back, although the clock may.
func (w *worker) noteSecond(ms int64) {
	if ms >= w.nextSecond {
		w.second = ms / 1000
		w.nextSecond = (w.second + 1) * 1000
	}
}

// noteChange is called before each update of p.
func (w *worker) noteChange(p *topicShard) {
	if p.history.second != w.second {
		w.addMark(p)
	}
}

func (w *worker) addMark(p *topicShard) {
	h := &p.history
	h.second = w.second
	if w.second < w.core.completeFrom.Load() {
		return // nobody can ask for it
	}
	if len(h.marks) == maxMarks {
		h.thin()
	}
	h.marks = append(h.marks, mark{w.second, p.seq})
	w.countHistory(p)
}

// thin merges the two neighbours that are closest together for their age. They become the
// later second, with the update of the earlier one: so more may be sent again, but nothing
// is missing.
func (h *history) thin() {
	merge, least := 1, math.Inf(1)
	for i := 1; i+1 < len(h.marks); i++ {
		span, age := h.marks[i+1].second-h.marks[i-1].second, h.second-h.marks[i+1].second
		if x := float64(span) / float64(age); x < least {
			merge, least = i, x
		}
	}
	h.marks[merge+1].before = h.marks[merge].before
	h.marks = slices.Delete(h.marks, merge, merge+1)
}

// changedSince returns an update of p that is not newer than the end of the second before
// the one given: all that has changed since then has a higher number. ok is false if p
// does not know everything since then.
func (p *topicShard) changedSince(second int64) (since uint64, ok bool) {
	h := &p.history
	if second < p.completeFrom() {
		return 0, false
	}
	since = p.sealed
	if i, _ := slices.BinarySearchFunc(h.marks, second, func(m mark, s int64) int { return cmp.Compare(m.second, s) }); i < len(h.marks) {
		since = min(since, h.marks[i].before)
	}
	return since, since >= p.roster.completeSince
}

// completeFrom is the first second from which on p knows everything. Any goroutine may
// call it.
func (p *topicShard) completeFrom() int64 {
	return max(p.history.from.Load(), p.topic.core.completeFrom.Load())
}

// countHistory counts what p remembers, and forgets the oldest if the shard remembers too
// much.
func (w *worker) countHistory(p *topicShard) {
	h := &p.history
	n := cap(h.marks) * markBytes
	if p.watchers == 0 {
		n += p.roster.bytes
	}
	w.historyBytes += n - h.bytes
	h.bytes = n
	switch {
	case n == 0 && h.listed != nil:
		w.histories.Remove(h.listed)
		h.listed = nil
	case n > 0 && h.listed != nil:
		w.histories.MoveToBack(h.listed)
	case n > 0:
		h.listed = w.histories.PushBack(p)
	}
	for w.historyBytes > w.core.historyBytes && w.histories.Len() > 0 {
		w.forgetHistory(w.histories.Front().Value.(*topicShard))
	}
}

// forgetHistory forgets what p remembers for clients that come back.
func (w *worker) forgetHistory(p *topicShard) {
	h := &p.history
	h.marks = nil
	h.from.Store(w.second + 1)
	if p.watchers == 0 {
		p.roster.forget(0)
		p.roster.changes = nil
	}
	w.historyBytes -= h.bytes
	h.bytes = 0
	if h.listed != nil {
		w.histories.Remove(h.listed)
		h.listed = nil
	}
}

// trimRoster has the roster log of p, which nobody watches any more, forget all but the
// newest changes.
func (w *worker) trimRoster(p *topicShard) {
	before := p.roster.completeSince
	p.roster.forget(min(maxUnwatchedRoster, w.core.rosterBytes))
	w.noteTrimmed(p, before)
	w.countHistory(p)
}

// noteTrimmed notes what the roster log of p has forgotten. before is the update since
// which it was complete.
func (w *worker) noteTrimmed(p *topicShard, before uint64) {
	h := &p.history
	if p.roster.completeSince == before {
		return
	}
	from := w.second + 1
	for _, m := range h.marks {
		if m.before >= p.roster.completeSince {
			from = m.second
			break
		}
	}
	h.from.Store(max(h.from.Load(), from))
}

// SetClock tells how far this machine's clock is ahead of the Redis server's, in ms, as
// exactly as that is known. Any goroutine may call it.
func (c *Core) SetClock(difference int64) { c.difference.Store(difference) }

// ServerTime is the time by the Redis server's clock, in ms since the Unix epoch. Any
// goroutine may call it.
func (c *Core) ServerTime() int64 { return c.wall() - c.difference.Load() }

// BeginHistory forgets all changes until now: only a moment from now on can be resumed
// from. Until the first call, no moment can. Any goroutine may call it.
func (c *Core) BeginHistory() { c.completeFrom.Store(c.ServerTime()/1000 + 1) }

// CanResume reports whether every shard knows what has changed in t since a second by the
// Redis server's clock. Any goroutine may call it.
func (c *Core) CanResume(t *Topic, second int64) bool {
	for _, p := range t.shards {
		if second < p.completeFrom() {
			return false
		}
	}
	return second <= c.ServerTime()/1000
}

// noHistory is Core.completeFrom before BeginHistory.
const noHistory = math.MaxInt64
