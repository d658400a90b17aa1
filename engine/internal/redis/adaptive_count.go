package redis

import "errors"

// heavyRead is how many bytes of names and values a read may bring before the
// next one asks for less.
const heavyRead = 16 << 20

// Portion is how many entries a read asks for. Every read has a deadline, and
// what it brings is in memory as a whole: a batch that is too heavy for either
// would be asked for, and fail, for ever. So a failure halves it, down to
// single entries, and reads that succeed bring it back. A [Reader] has one; who
// reads with [Client.ReadGroup] or [Client.Claim] keeps one. It is used by one
// goroutine.
type AdaptiveCount struct {
	most, now int
	alone     int // so many entries are read one by one: one of them may be too large
}

// NewPortion begins with most, at least 1, which is never exceeded.
func NewAdaptiveCount(most int) AdaptiveCount {
	most = max(most, 1)
	return AdaptiveCount{most: most, now: most}
}

// Count is how many entries the next read asks for, at least 1.
func (p *AdaptiveCount) Count() int { return p.now }

// Exhausted says that asking for less does not help: even a single entry did not
// come, or one of those that come next may be too much for a reply alone.
func (p *AdaptiveCount) Exhausted() bool { return p.alone > 0 }

// Failed takes note of a read, or of what follows one, that failed, and why.
func (p *AdaptiveCount) Failed(err error) {
	if errors.Is(err, errHeavy) { // each further try may take a minute
		p.alone, p.now = max(p.alone, p.now), 1
	} else if p.now == 1 {
		p.alone = max(p.alone, 1)
	}
	p.now = max(1, p.now/2)
}

// Took takes note of entries that were read.
func (p *AdaptiveCount) Succeeded(entries []Entry) {
	if len(entries) == 0 {
		return
	}
	if p.alone = max(0, p.alone-len(entries)); p.alone > 0 {
		return
	}
	bytes := 0
	for i := range entries {
		bytes += entries[i].Size()
	}
	switch {
	case bytes > heavyRead:
		p.now = max(1, p.now/2)
	case 2*bytes < heavyRead: // twice as many would do
		p.now = min(p.most, 2*p.now)
	}
}
