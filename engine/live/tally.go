package live

import (
	"time"

	"pitwall/shard"
)

// tally is what one consumer counts between two publishes.
type tally struct {
	deliveries, bytes, writes int
	latency                   observations // from arrival in Redis, of a chunk's oldest position
	waits                     observations // from the sealing of a chunk
	// The time, some writes ago at most: ms since the epoch, and ns of the
	// core's clock.
	now, core int64

	unreleased [4]struct { // chunks that were written and not released yet, newest first
		ch *shard.Chunk
		n  int // times
	}
}

// clockEvery is after how many writes the clock is read again. They take far less
// time together than the finest bucket of the histograms.
const clockEvery = 16

// wrote notes a write of n bytes.
func (t *tally) wrote(n int, core *shard.Core) {
	if t.writes%clockEvery == 0 {
		t.now, t.core = time.Now().UnixMilli(), core.Now()
	}
	t.writes++
	t.bytes += n
}

// release releases a chunk that was written. Neighbours in the run queue mostly have
// the same chunks, so the releases of one chunk are added up: its count is shared by
// all writers, and each change of it costs a cache miss.
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

// delivered notes a chunk that was written whole.
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

// publish adds all to the metrics, and releases what is not released yet.
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
