package archive

import (
	"errors"
	"fmt"
	"math"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
)

// batch is what one read brought, sorted into what is to be done with it. It
// is filled again and again; strings alias the memory of the read.
type batch struct {
	stream  string
	decoder *codec.Decoder

	entries   []redis.Entry
	ids       []redis.ID       // of all entries: what is acknowledged in the end
	positions []codec.Position // what decoded
	origins   []int            // of each position, the index of its entry
	dead      [][]string       // what the table does not take, as dead letters
	lost      int              // entries without fields: trimmed while pending
}

func newBatch(stream string, limits codec.Limits) *batch {
	return &batch{stream: stream, decoder: codec.NewDecoder(limits)}
}

// fill sorts entries into the batch, in place of what it held.
func (b *batch) fill(entries []redis.Entry) {
	clear(b.positions) // lets go of the last read's memory
	clear(b.dead)
	b.entries = entries
	b.ids, b.positions, b.origins = b.ids[:0], b.positions[:0], b.origins[:0]
	b.dead, b.lost = b.dead[:0], 0
	for i := range entries {
		e := &entries[i]
		b.ids = append(b.ids, e.ID)
		if e.Fields == nil {
			b.lost++
			continue
		}
		b.positions = append(b.positions, codec.Position{})
		p := &b.positions[len(b.positions)-1]
		arrival := int64(min(e.ID.Ms, math.MaxInt64))
		if err := b.decoder.Decode(p, arrival, e.Fields); err != nil {
			b.positions = b.positions[:len(b.positions)-1]
			b.bury(e, reasonOf(err), err.Error())
			continue
		}
		b.origins = append(b.origins, i)
	}
}

// conflict makes dead letters of the positions at the given indexes: the table
// holds another one of the same device and time, which stays.
func (b *batch) conflict(indexes []int) {
	for _, i := range indexes {
		p := &b.positions[i]
		b.bury(&b.entries[b.origins[i]], reasonConflict,
			fmt.Sprintf("the table holds another position of device %s at %d", p.DeviceID, p.TS))
	}
}

// Fields of a dead letter. The original's fields follow, each name behind
// fieldPrefix, in their order.
const (
	deadReason   = "reason"        // one of codec.Reasons, or reasonConflict
	deadError    = "error"         // for people
	deadStream   = "source_stream" // where it came from, and under which id:
	deadID       = "source_id"     // letters of one source id are one letter
	fieldPrefix  = "field:"
	deadOverhead = 8 // names and values in front of the original's
)

// reasonConflict says that the table holds another position under the key.
const reasonConflict = "ts_conflict"

// bury adds the dead letter of an entry.
func (b *batch) bury(e *redis.Entry, reason, cause string) {
	letter := make([]string, 0, deadOverhead+len(e.Fields))
	letter = append(letter, deadReason, reason, deadError, cause, deadStream, b.stream, deadID, e.ID.String())
	for i, s := range e.Fields {
		if i%2 == 0 {
			s = fieldPrefix + s
		}
		letter = append(letter, s)
	}
	b.dead = append(b.dead, letter)
}

// reasonOf names the reason of a record that did not decode.
func reasonOf(err error) string {
	var ce *codec.CodecError
	if errors.As(err, &ce) {
		return ce.Reason.String()
	}
	return "unknown"
}
