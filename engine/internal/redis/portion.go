package archive

import "pitwall/engine/internal/redis"

// heavyRead is how many bytes of names and values a read may bring before the
// next one asks for less.
const heavyRead = 16 << 20

// portion is how many entries a read asks for. Every read has a deadline, and
// what it brings is in memory as a whole: a batch that is too heavy for either
// would be asked for, and fail, for ever. So a failure halves it, down to
// single entries, and reads that succeed bring it back.
type portion struct{ most, now int }

func newPortion(most int) portion { return portion{most, most} }

// failed takes note of a read, or of what follows one, that failed.
func (p *portion) failed() { p.now = max(1, p.now/2) }

// took takes note of entries that were read.
func (p *portion) took(entries []redis.Entry) {
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
