package archive

import (
	"errors"
	"fmt"
	"math"

	"pitwall/codec"
	"pitwall/engine/internal/leftout"
	"pitwall/engine/internal/redis"
)

// batch is what one read brought, sorted into what is to be done with it. It
// is filled again and again; strings alias the memory of the read.
type batch struct {
	stream    string
	decoder   *codec.Decoder
	omissions *leftout.Recorder

	entries       []redis.Entry
	held          []bool     // of each entry, whether it is held back
	ids           []redis.ID // what is acknowledged in the end: all others
	parts         []part     // what decoded, one for each insert under way
	letters       []redis.DeadLetter
	letterEntries []int      // of each letter, the index of its entry
	trimmed       []redis.ID // entries without fields: trimmed while pending
	expired       int        // positions too old for the table
}

// part is a share of a batch: all that the batch has of some devices, in its
// order, so that of two positions of one key the first stays.
type part struct {
	positions []codec.Position
	entryOf   []int      // of each position, the index of its entry
	ids       []redis.ID // of each position, the id of its entry
	refused   []refusal  // what goes to the dead letters
	suspects  []suspect  // what the database refuses for reasons that need not be theirs
}

// refusal is a position that goes to the dead letters.
type refusal struct {
	at            int // index in part.positions
	reason, cause string
}

// suspect is a position that the database refused, maybe as it would any other.
type suspect struct {
	at    int    // index in part.positions
	first uint64 // when it was refused first, by the witness
	cause string
}

// newBatch makes a batch of a number of parts, at least one.
func newBatch(stream string, limits codec.Limits, parts int, left *leftout.Recorder) *batch {
	return &batch{stream: stream, decoder: codec.NewDecoder(limits), omissions: left, parts: make([]part, parts)}
}

// splitFrom is how many entries a batch must have to be worth more than one
// insert: every one is a commit of its own.
const minSplit = 256

// fill sorts entries into the batch, in place of what it held. Positions that
// are too old are left out.
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

// fillLarge makes the batch one entry that was not read because of its size.
func (b *batch) fillOversized(id redis.ID, size int) {
	b.fill(nil, bounds{})
	b.entries, b.held = []redis.Entry{{ID: id}}, append(b.held, false)
	b.addOversized(0, size)
}

// buryLarge adds the dead letter of an entry that is too large: its id alone.
func (b *batch) addOversized(at, size int) {
	b.appendLetter(at, reasonEntry, fmt.Sprintf("the entry has %d bytes, allowed are %d: its fields are left out", size, redis.MaxEntry), nil)
}

// reset empties a part and lets go of the last read's memory.
func (p *part) reset() {
	clear(p.positions)
	p.positions, p.entryOf, p.ids = p.positions[:0], p.entryOf[:0], p.ids[:0]
	p.refused, p.suspects = p.refused[:0], p.suspects[:0]
}

// partOf chooses a device's part, by FNV-1a.
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

// refuse notes a position that goes to the dead letters.
func (p *part) refuse(at int, reason, cause string) {
	p.refused = append(p.refused, refusal{at, reason, cause})
}

// suspect notes a position that the database refused and that is held back.
func (p *part) suspect(at int, first uint64, cause string) {
	p.suspects = append(p.suspects, suspect{at, first, cause})
}

// conflict notes that the table holds another position of the same device and
// time, which stays.
func (p *part) conflict(at int) {
	q := &p.positions[at]
	p.refuse(at, reasonConflict, fmt.Sprintf("the table holds another position of device %s at %d", q.DeviceID, q.TS))
}

// buryRefused makes dead letters of the positions that go there.
func (b *batch) addRefused() {
	for i := range b.parts {
		p := &b.parts[i]
		for _, r := range p.refused {
			b.addLetter(p.entryOf[r.at], r.reason, r.cause)
		}
	}
}

// Fields of a dead letter. The original's fields follow, each name after
// fieldPrefix, in their order.
const (
	deadReason   = "reason"        // one of codec.Reasons, or one of those below
	deadError    = "error"         // for people
	deadStream   = "source_stream" // where it came from, and under which id:
	deadID       = "source_id"     // letters of one source id are one letter
	fieldPrefix  = "field:"
	deadOverhead = 8 // names and values in front of the original's
)

// Reasons of dead letters that the codec does not know.
const (
	reasonConflict = "ts_conflict"      // the table holds another position under the key
	reasonRefused  = "database_refused" // the database does not take what the row holds
	reasonEntry    = "entry_too_large"  // longer than redis.MaxEntry; the letter has no fields
)

// done returns the ids of the entries that are not held back.
func (b *batch) ackIDs() []redis.ID {
	b.ids = b.ids[:0]
	for i := range b.entries {
		if !b.held[i] {
			b.ids = append(b.ids, b.entries[i].ID)
		}
	}
	return b.ids
}

// bury adds the dead letter of the entry at an index.
func (b *batch) addLetter(at int, reason, cause string) {
	b.appendLetter(at, reason, cause, b.entries[at].Fields)
}

// letter adds a dead letter with the given fields of the entry.
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

// reasonOf names the reason of a record that did not decode.
func reasonOf(err error) string {
	var ce *codec.CodecError
	if errors.As(err, &ce) {
		return ce.Reason.String()
	}
	return "unknown"
}
