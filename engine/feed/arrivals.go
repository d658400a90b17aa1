package feed

import (
	"hash/fnv"
	"math"
	"sync"
	"time"

	"pitwall/engine/internal/redis"
)

// Arrivals is how far a feed has come, for the cursors of the live server.
type Arrivals struct {
	// Epoch names the streams and the servers that they are on, the same for every
	// instance. If a server does not tell its run id, the epoch is that of the streams.
	Epoch uint64
	// Restarts counts the times after which entries may have come late: another server,
	// or a clock of the server that was set back.
	Restarts uint64
	// Through is the moment, in ms by the server's clock, up to which every entry of
	// every stream was delivered. 0: it is not known, or the warm start was cut short.
	Through int64
	// Difference is this machine's clock minus the server's as measured, also when it
	// counts as none; see Feed.Difference.
	Difference time.Duration
}

// setBack is how much older than the last entry a new entry has to be before the server's
// clock counts as set back.
const setBack = 5 * time.Second

// arrivals follows the streams of a feed. Any goroutine may use it.
type arrivals struct {
	mu       sync.Mutex
	newest   int64            // arrival of the newest entry delivered of any stream, ms
	through  map[string]int64 // by stream
	servers  map[string]string
	restarts uint64
	cut      bool
}

// begin notes the server of a stream, and that everything up to an entry is known.
func (a *arrivals) begin(stream, server string, at redis.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old, known := a.servers[stream]; known && (old != server || server == "") {
		a.restarts++
	}
	a.servers[stream], a.through[stream] = server, clampMs(at)
}

// seen returns the arrival of the newest entry of any stream.
func (a *arrivals) seen() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.newest
}

// delivered notes the entries of one read. If it emptied the stream, there is nothing in
// it that arrived up to seen, which was the newest arrival before the read began: the
// streams have one clock.
func (a *arrivals) delivered(stream string, entries []redis.Entry, emptied bool, seen int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	through := a.through[stream]
	if len(entries) > 0 {
		if clampMs(entries[0].ID) < through-setBack.Milliseconds() {
			a.restarts++
			emptied = false
		}
		through = clampMs(lastID(entries))
		a.newest = max(a.newest, through)
	}
	if emptied {
		through = max(through, seen)
	}
	a.through[stream] = through
}

// cutShort notes that the warm start has left something out.
func (a *arrivals) cutShort() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cut = true
}

func clampMs(id redis.ID) int64 { return int64(min(id.Ms, math.MaxInt64)) }

// Arrivals returns how far the feed has come. Any goroutine may call it after
// CreateGroups.
func (f *Feed) Arrivals() Arrivals {
	a := &f.arrivals
	a.mu.Lock()
	defer a.mu.Unlock()
	x := Arrivals{Restarts: a.restarts, Through: math.MaxInt64}
	h := fnv.New64a()
	for i, r := range f.readers {
		_, _ = h.Write([]byte(r.stream + "\x00" + a.servers[r.stream] + "\x00"))
		x.Through = min(x.Through, a.through[r.stream])
		if d := r.clock.asMeasured(); i == 0 || max(d, -d) < max(x.Difference, -x.Difference) {
			x.Difference = d
		}
	}
	x.Epoch = h.Sum64()
	if a.cut {
		x.Through = 0
	}
	return x
}
