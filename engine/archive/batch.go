package archive

import (
	"errors"
	"fmt"
	"math"

	"pitwall/codec"
	"pitwall/engine/internal/leftout"
	"pitwall/engine/internal/redis"
)

// batch holds the entries of one read, sorted by what is to be done with them. It
// is reused for each read. Its strings point into the memory of the read.
type batch struct {
	stream    string
	decoder   *codec.Decoder
	omissions *leftout.Recorder

	entries       []redis.Entry
	held          []bool     // of each entry, whether it is held back
	ids           []redis.ID // of the entries to acknowledge: all that are not held back
	parts         []part     // decoded positions, one part per concurrent insert
	letters       []redis.DeadLetter
	letterEntries []int      // of each letter, the index of its entry
	trimmed       []redis.ID // entries without fields: trimmed while pending
	expired       int        // positions too old for the table
}

// part is a share of a batch: all positions of some devices, in the order of the
// batch. A device is never in two parts, so of two positions with one key the
// first one stays.
type part struct {
	positions []codec.Position
	entryOf   []int      // of each position, the index of its entry
	ids       []redis.ID // of each position, the id of its entry
	refused   []refusal  // positions that become dead letters
	suspects  []suspect  // refused positions that may not be at fault
}

// refusal is a position that becomes a dead letter.
type refusal struct {
	at            int // index in part.positions
	reason, cause string
}

// suspect is a position that the database refused, perhaps for a reason that
// concerns every row. Its entry is held back.
type suspect struct {
	at    int    // index in part.positions
	first uint64 // tick of acceptance at its first refusal
	cause string
}

// newBatch makes a batch of a number of parts, at least one.
func newBatch(stream string, limits codec.Limits, parts int, left *leftout.Recorder) *batch {
	return &batch{stream: stream, decoder: codec.NewDecoder(limits), omissions: left, parts: make([]part, parts)}
}

// minSplit is the least number of entries that are inserted in parts. Each part
// costs a commit, which is too much for a smaller batch.
const minSplit = 256

// fill replaces the content of the batch by entries. Positions that are too old
// are left out.
func (b *batch) fill(entries []redis.Entry, bounds bounds) {
	for i := range b.parts {
		b.parts[i].reset()
	}
	clear(b.letters)
	b.entries = entries
	b.held = append(b.held[:0], make([]bool, len(entries))...)
	b.letters, b.letterEntries, b.trimmed, b.expired = b.letters[:0], b.letterEntries[:0], b.trimmed[:0], 0
	parts := len(b.parts)
	if len(entries) < minSplit {
		parts = 1
	}
	var p codec.Position
	for i := range entries {
		e := &entries[i]
		if e.Fields == nil {
			b.trimmed = append(b.trimmed, e.ID)
			continue
		}
		if size := e.Size(); size > redis.MaxEntry {
			b.addOversized(i, size)
			continue
		}
		arrival := int64(min(e.ID.Ms, math.MaxInt64))
		if err := b.decoder.Decode(&p, arrival, e.ID.Seq, e.Fields); err != nil {
			b.addLetter(i, reasonOf(err), err.Error())
			continue
		}
		b.omissions.Record(e.ID, b.decoder.LeftOut())
		if bounds.tooOld(&p) {
			b.expired++
			continue
		}
		to := &b.parts[partOf(p.DeviceID, parts)]
		to.positions = append(to.positions, p)
		to.entryOf = append(to.entryOf, i)
		to.ids = append(to.ids, e.ID)
	}
}

// fillOversized replaces the content of the batch by one entry that was not read
// because of its size.
func (b *batch) fillOversized(id redis.ID, size int) {
	b.fill(nil, bounds{})
	b.entries, b.held = []redis.Entry{{ID: id}}, append(b.held, false)
	b.addOversized(0, size)
}

// addOversized adds the dead letter of an entry that is too large: only its id.
func (b *batch) addOversized(at, size int) {
	b.appendLetter(at, reasonEntry, fmt.Sprintf("the entry has %d bytes, allowed are %d: its fields are left out", size, redis.MaxEntry), nil)
}

// reset empties a part and releases the memory of the last read.
func (p *part) reset() {
	clear(p.positions)
	p.positions, p.entryOf, p.ids = p.positions[:0], p.entryOf[:0], p.ids[:0]
	p.refused, p.suspects = p.refused[:0], p.suspects[:0]
}

// partOf chooses the part of a device, by its FNV-1a hash.
func partOf(device string, parts int) int {
	if parts == 1 {
		return 0
	}
	h := uint32(2166136261)
	for i := range len(device) {
		h = (h ^ uint32(device[i])) * 16777619
	}
	return int(h>>16) % parts
}

// refuse notes that a position becomes a dead letter.
func (p *part) refuse(at int, reason, cause string) {
	p.refused = append(p.refused, refusal{at, reason, cause})
}

// suspect notes that the database refused a position, which is held back.
func (p *part) suspect(at int, first uint64, cause string) {
	p.suspects = append(p.suspects, suspect{at, first, cause})
}

// conflict notes that the table holds a different position with the same device
// and time. The row of the table stays.
func (p *part) conflict(at int) {
	q := &p.positions[at]
	p.refuse(at, reasonConflict, fmt.Sprintf("the table holds another position of device %s at %d", q.DeviceID, q.TS))
}

// addRefused adds the dead letters of all refused positions.
func (b *batch) addRefused() {
	for i := range b.parts {
		p := &b.parts[i]
		for _, r := range p.refused {
			b.addLetter(p.entryOf[r.at], r.reason, r.cause)
		}
	}
}

// Fields of a dead letter. The fields of the record follow in their order, each
// name with fieldPrefix in front.
const (
	deadReason   = "reason"        // one of codec.Reasons, or one of those below
	deadError    = "error"         // for people
	deadStream   = "source_stream" // key of the source stream
	deadID       = "source_id"     // letters with the same source id are one letter
	fieldPrefix  = "field:"
	deadOverhead = 8 // names and values before those of the record
)

// Reasons of dead letters that the codec does not know.
const (
	reasonConflict = "ts_conflict"      // the table holds another position with the same key
	reasonRefused  = "database_refused" // the database refuses the row
	reasonEntry    = "entry_too_large"  // longer than redis.MaxEntry; the letter has no fields
)

// ackIDs returns the ids of the entries that are not held back.
func (b *batch) ackIDs() []redis.ID {
	b.ids = b.ids[:0]
	for i := range b.entries {
		if !b.held[i] {
			b.ids = append(b.ids, b.entries[i].ID)
		}
	}
	return b.ids
}

// addLetter adds the dead letter of the entry at an index.
func (b *batch) addLetter(at int, reason, cause string) {
	b.appendLetter(at, reason, cause, b.entries[at].Fields)
}

// appendLetter adds a dead letter with the given fields of the entry.
func (b *batch) appendLetter(at int, reason, cause string, fields []string) {
	e := &b.entries[at]
	letter := make([]string, 0, deadOverhead+len(fields))
	letter = append(letter, deadReason, reason, deadError, cause, deadStream, b.stream, deadID, e.ID.String())
	for i, s := range fields {
		if i%2 == 0 {
			s = fieldPrefix + s
		}
		letter = append(letter, s)
	}
	b.letters = append(b.letters, redis.DeadLetter{ID: e.ID, Fields: letter})
	b.letterEntries = append(b.letterEntries, at)
}

// reasonOf names the reason why a record did not decode.
func reasonOf(err error) string {
	var ce *codec.DecodeError
	if errors.As(err, &ce) {
		return ce.Reason.String()
	}
	return "unknown"
}
