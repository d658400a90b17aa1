package redis

// heavyRead is how many bytes of names and values a read may bring before the
// next one asks for less.
const heavyRead = 16 << 20

// Portion is how many entries a read asks for. Every read has a deadline, and
// what it brings is in memory as a whole: a batch that is too heavy for either
// would be asked for, and fail, for ever. So a failure halves it, down to
// single entries, and reads that succeed bring it back. A [Reader] has one; who
// reads with [Client.ReadGroup] or [Client.Claim] keeps one. It is used by one
// goroutine.
type Portion struct{ most, now int }

// NewPortion begins with most, at least 1, which is never exceeded.
func NewPortion(most int) Portion {
	most = max(most, 1)
	return Portion{most, most}
}

// Count is how many entries the next read asks for, at least 1.
func (p *Portion) Count() int { return p.now }

// Failed takes note of a read, or of what follows one, that failed.
func (p *Portion) Failed() { p.now = max(1, p.now/2) }

// Took takes note of entries that were read.
func (p *Portion) Took(entries []Entry) {
	if len(entries) == 0 {
		return
	}
	bytes := 0
	for i := range entries {
		for _, s := range entries[i].Fields {
			bytes += len(s)
		}
	}
	switch {
	case bytes > heavyRead:
		p.now = max(1, p.now/2)
	case 2*bytes < heavyRead: // twice as many would do
		p.now = min(p.most, 2*p.now)
	}
}
