package redis

import "errors"

// halveAboveBytes is how many bytes of names and values one read may return before
// the next one asks for fewer entries.
const halveAboveBytes = 16 << 20

// AdaptiveCount is how many entries a read asks for. Every read has a deadline, and
// its whole reply is held in memory. A read of too many entries would fail at every
// attempt. So a failure halves the count, down to single entries, and successful
// reads double it again. [Reader.Read] has one; callers of [Reader.ReadGroup] and
// [Client.Claim] keep their own. One goroutine uses it.
type AdaptiveCount struct {
	limit, current int
	singles        int // how many entries are still to be read one by one, because one of them may be too large
}

// NewAdaptiveCount starts at limit, at least 1, and never exceeds it.
func NewAdaptiveCount(limit int) AdaptiveCount {
	limit = max(limit, 1)
	return AdaptiveCount{limit: limit, current: limit}
}

// Count is how many entries the next read asks for, at least 1.
func (a *AdaptiveCount) Count() int { return a.current }

// Exhausted reports that asking for fewer entries does not help: even a single one
// could not be read, or one of the next entries may be too large for a reply.
func (a *AdaptiveCount) Exhausted() bool { return a.singles > 0 }

// Failed records that a read, or a step after it, failed with err.
func (a *AdaptiveCount) Failed(err error) {
	if errors.Is(err, errReplyTooLarge) { // each attempt may take a minute: go down to single entries at once
		a.singles, a.current = max(a.singles, a.current), 1
	} else if a.current == 1 {
		a.singles = max(a.singles, 1)
	}
	a.current = max(1, a.current/2)
}

// Succeeded records the entries of a successful read.
func (a *AdaptiveCount) Succeeded(entries []Entry) {
	if len(entries) == 0 {
		return
	}
	if a.singles = max(0, a.singles-len(entries)); a.singles > 0 {
		return
	}
	bytes := 0
	for i := range entries {
		bytes += entries[i].Size()
	}
	switch {
	case bytes > halveAboveBytes:
		a.current = max(1, a.current/2)
	case 2*bytes < halveAboveBytes: // twice as many would fit as well
		a.current = min(a.limit, 2*a.current)
	}
}
