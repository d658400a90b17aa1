package archive

import (
	"fmt"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/redis"
)

// Bounds of what is held back per stream. One read may exceed the bytes.
const (
	maxHeldEntries = 10_000
	maxHeldBytes   = 64 << 20
)

// heldBack lists the entries of a stream that stay pending while later ones are
// archived. Either their dead letter cannot be written, or the database refuses their
// row and it is not known yet whether the row is at fault. Redis keeps the entries; this
// list has only their ids. Any goroutine may use it, but only the reader of the stream
// changes it.
type heldBack struct {
	stream, deadKey string
	maxEntries      int
	maxBytes        int64 // of names and values

	entriesGauge, bytesGauge *metrics.Gauge

	mu         sync.Mutex
	entries    map[redis.ID]heldEntry
	bytes      int64
	pass       int   // counts the passes over all pending entries
	lettersErr error // why letters cannot be written; nil when they can
	cause      string
}

// heldEntry is one entry that is held back.
type heldEntry struct {
	refused uint64 // tick of the first refusal of its row; 0: it waits for its letter
	bytes   int64
	pass    int // in which it was last held back
}

func newHeldBack(stream, deadKey string, m *meters) *heldBack {
	return &heldBack{stream: stream, deadKey: deadKey, maxEntries: maxHeldEntries, maxBytes: maxHeldBytes, entries: map[redis.ID]heldEntry{},
		entriesGauge: m.gauge("held_entries", stream), bytesGauge: m.gauge("held_bytes", stream)}
}

// updateGauges sets the gauges. The caller holds h.mu.
func (h *heldBack) updateGauges() {
	h.entriesGauge.Set(float64(len(h.entries)))
	h.bytesGauge.Set(float64(h.bytes))
}

// beginPass begins a pass over all pending entries. endPass removes the entries
// that were not held back again during the pass.
func (h *heldBack) beginPass() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pass++
}

// endPass ends a pass that saw all pending entries. cleared reports that refused
// rows were held back before the pass and none is held back after it.
func (h *heldBack) endPass() (cleared bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	had, have := false, false
	for id, e := range h.entries {
		had = had || e.refused > 0
		if e.pass == h.pass {
			have = have || e.refused > 0
			continue
		}
		h.bytes -= e.bytes
		delete(h.entries, id)
	}
	h.updateGauges()
	return had && !have
}

// add holds an entry back. refused is the tick of the first refusal of its row, 0
// when it waits for its letter.
func (h *heldBack) add(e *redis.Entry, refused uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	entry := heldEntry{refused: refused, pass: h.pass, bytes: int64(e.Size())}
	h.bytes += entry.bytes - h.entries[e.ID].bytes
	h.entries[e.ID] = entry
	h.updateGauges()
}

// refusedAt returns the tick of the first refusal of an entry's row, 0 for none.
func (h *heldBack) refusedAt(id redis.ID) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.entries[id].refused
}

// room returns how many more entries may be held back, at least 0.
func (h *heldBack) room() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bytes >= h.maxBytes {
		return 0
	}
	return max(h.maxEntries-len(h.entries), 0)
}

// empty reports whether nothing is held back.
func (h *heldBack) empty() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.entries) == 0
}

// setLettersError records why letters cannot be written, nil when they can. It
// returns whether they could not be written before.
func (h *heldBack) setLettersError(err error) (failed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	failed = h.lettersErr != nil
	h.lettersErr = err
	return failed
}

// lettersFailing reports whether letters cannot be written.
func (h *heldBack) lettersFailing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lettersErr != nil
}

// setCause records why rows are held back.
func (h *heldBack) setCause(cause string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cause = cause
}

// fault returns an error when reading the stream has stopped because too much is
// held back.
func (h *heldBack) fault() error {
	room := h.room()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case room > 0:
		return nil
	case h.lettersErr != nil:
		return fmt.Errorf("archive: stream %s is not read any further: dead letters cannot be written to %s, and %d entries of %d bytes wait for that: %w",
			h.stream, h.deadKey, len(h.entries), h.bytes, h.lettersErr)
	}
	return fmt.Errorf("archive: stream %s is not read any further: the database refuses %d entries of %d bytes, which stay pending: %s",
		h.stream, len(h.entries), h.bytes, h.cause)
}
