package redis

import "errors"

// halveAboveBytes is how many bytes of names and values one read may return before
// the next one asks for fewer entries.
const halveAboveBytes = 16 << 20

// AdaptiveCount is how many entries a read asks for. Every read has a deadline, and
// its reply is in memory as a whole. A count that is too large for either would
// fail at every attempt, so a failure halves it, down to single entries, and reads
// that succeed double it again. [Reader.Read] has one; callers of
// [Reader.ReadGroup] and [Client.Claim] keep their own. One goroutine uses it.
type AdaptiveCount struct {
	most, now int
	alone     int // how many entries are still read one by one: one of them may be too large
}

// NewAdaptiveCount begins with most, at least 1, which it never exceeds.
func NewAdaptiveCount(most int) AdaptiveCount {
	most = max(most, 1)
	return AdaptiveCount{most: most, now: most}
}

// Count is how many entries the next read asks for, at least 1.
func (a *AdaptiveCount) Count() int { return a.now }

// Exhausted says that asking for fewer does not help: even a single entry could not
// be read, or one of the next entries may be too large for a reply.
func (a *AdaptiveCount) Exhausted() bool { return a.alone > 0 }

// Failed records that a read, or a step after it, failed with err.
func (a *AdaptiveCount) Failed(err error) {
	if errors.Is(err, errReplyTooLarge) { // each further try may take a minute
		a.alone, a.now = max(a.alone, a.now), 1
	} else if a.now == 1 {
		a.alone = max(a.alone, 1)
	}
	a.now = max(1, a.now/2)
}

// Succeeded records the entries of a successful read.
func (a *AdaptiveCount) Succeeded(entries []Entry) {
	if len(entries) == 0 {
		return
	}
	if a.alone = max(0, a.alone-len(entries)); a.alone > 0 {
		return
	}
	bytes := 0
	for i := range entries {
		bytes += entries[i].Size()
	}
	switch {
	case bytes > halveAboveBytes:
		a.now = max(1, a.now/2)
	case 2*bytes < halveAboveBytes: // twice as many would do
		a.now = min(a.most, 2*a.now)
	}
}
