package live

import (
	"time"

	"pitwall/shard"
)

// tally is what one consumer counts between two calls of publish.
type tally struct {
	deliveries, bytes, writes int
	latency                   observations // since arrival in Redis, of a chunk's oldest position
	waits                     observations // since a chunk was sealed
	// The time, at most clockEvery writes ago: ms since the Unix epoch, and ns of the
	// core's clock.
	now, core int64

	unreleased [4]struct { // written chunks that are not released yet, newest first
		ch *shard.Chunk
		n  int // references
	}
}

// clockEvery is the number of writes after which the clock is read again. Together they
// take far less time than the finest bucket of the histograms.
const clockEvery = 16

// wrote notes a write of n bytes.
func (t *tally) wrote(n int, core *shard.Core) {
	if t.writes%clockEvery == 0 {
		t.now, t.core = time.Now().UnixMilli(), core.Now()
	}
	t.writes++
	t.bytes += n
}

// release releases a reference to a written chunk. Successive connections mostly have
// the same chunks, so the releases of a chunk are added up: all writers share its
// reference count, and each change of it costs a cache miss.
func (t *tally) release(ch *shard.Chunk) {
	for i := range t.unreleased {
		if t.unreleased[i].ch == ch {
			t.unreleased[i].n++
			return
		}
	}
	last := len(t.unreleased) - 1
	if old := &t.unreleased[last]; old.ch != nil {
		old.ch.Release(old.n)
	}
	copy(t.unreleased[1:], t.unreleased[:last])
	t.unreleased[0].ch, t.unreleased[0].n = ch, 1
}

// delivered counts a chunk that was written whole.
func (t *tally) delivered(ch *shard.Chunk) {
	if !ch.Live() {
		return
	}
	t.deliveries += ch.Records()
	if sealed := ch.Sealed(); sealed != 0 {
		t.waits.observe(time.Duration(t.core - sealed))
	}
	if arrival := ch.Arrival(); arrival != 0 {
		t.latency.observe(time.Duration(t.now-arrival) * time.Millisecond)
	}
}

// publish adds the tally to the metrics, and releases the chunks that are left.
func (t *tally) publish(m *meters) {
	if t.writes == 0 {
		return
	}
	m.deliveries.Add(t.deliveries)
	m.bytes.Add(t.bytes)
	m.writes.Add(t.writes)
	t.latency.addTo(&m.latency)
	t.waits.addTo(&m.waits)
	for _, d := range t.unreleased {
		if d.ch != nil {
			d.ch.Release(d.n)
		}
	}
	*t = tally{}
}
