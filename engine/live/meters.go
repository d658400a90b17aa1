package live

import (
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/promtext"
	"pitwall/shard"
)

// meters are the room's metrics.
type meters struct {
	set                               *metrics.Set
	deliveries, bytes, writes, panics *metrics.Counter
	shed, pauses, expiries            *metrics.Counter
	subscriptions, parked             *metrics.Gauge
	latency                           latency
}

func newMeters(set *metrics.Set, srv *Server) *meters {
	m := &meters{
		set:           set,
		deliveries:    set.NewCounter("processor_live_deliveries_total"),
		bytes:         set.NewCounter("processor_live_written_bytes_total"),
		writes:        set.NewCounter("processor_live_writes_total"),
		panics:        set.NewCounter("processor_live_read_panics_total"),
		pauses:        set.NewCounter("processor_live_accept_pauses_total"),
		expiries:      set.NewCounter("processor_live_ring_expiries_total"),
		shed:          set.NewCounter("processor_live_shed_connections_total"),
		subscriptions: set.NewGauge("processor_live_subscriptions", nil),
		parked:        set.NewGauge("processor_live_parked_sockets", nil),
	}
	set.NewGauge("processor_live_connections", func() float64 { return float64(srv.Connections()) })
	set.NewGauge("processor_live_queued_bytes", func() float64 { return float64(srv.queued.Load()) })
	m.announce()
	set.RegisterMetricsWriter(m.latency.write)
	return m
}

// The statuses of refused upgrades, the codes of close frames and of errors
// that there can be.
var (
	refusedStatuses = []int{400, 401, 403, 426, 429, 500, 503}
	closeCodes      = []uint16{1001, 1002, 1007, 1008, 1009, 4401, 4408}
	errorCodes      = []string{"bad_request", "unknown_topic", "forbidden", "too_many_subscriptions", "rate_limited", "internal"}
)

// announce makes the counters with a label, so that each is there with 0 from
// the start: what appears with its first event has no rate until its second.
func (m *meters) announce() {
	for _, reason := range refusalReasons {
		m.set.NewCounter(refusalName(reason))
	}
	for _, status := range refusedStatuses {
		m.set.NewCounter(rejectedName(status))
	}
	for _, code := range closeCodes {
		m.set.NewCounter(closedName(code))
	}
	for _, code := range errorCodes {
		m.set.NewCounter(refusedName(code))
	}
}

func refusedName(code string) string {
	return `processor_live_refused_requests_total{code="` + code + `"}`
}

// refused counts an error frame. Errors are rare enough for a look-up.
func (m *meters) refused(code string) { m.set.GetOrCreateCounter(refusedName(code)).Inc() }

func refusalName(reason string) string {
	return `processor_live_refusals_total{reason="` + reason + `"}`
}

// refusal counts what was turned away, by reason.
func (m *meters) refusal(reason string) { m.set.GetOrCreateCounter(refusalName(reason)).Inc() }

func rejectedName(status int) string {
	return `processor_live_refused_upgrades_total{status="` + strconv.Itoa(status) + `"}`
}

// rejected counts a refused upgrade.
func (m *meters) rejected(status int, reason string) {
	m.refusal(reason)
	m.set.GetOrCreateCounter(rejectedName(status)).Inc()
}

func closedName(code uint16) string {
	return `processor_live_closes_total{code="` + strconv.Itoa(int(code)) + `"}`
}

// closed counts a connection that we have ended, by the code of its close frame.
func (m *meters) closed(code uint16) { m.set.GetOrCreateCounter(closedName(code)).Inc() }

// bounds are the buckets of the latency histogram, in ms.
var bounds = [...]int64{1, 2, 5, 10, 25, 50, 100, 150, 200, 250, 500, 1000, 2500, 5000, 10000}

// latency is a Prometheus histogram of the time from arrival in Redis to the
// write to a socket, one observation per connection and chunk, of the chunk's
// oldest position. The writers add whole batches, so it needs no lock.
type latency struct {
	counts [len(bounds) + 1]atomic.Uint64
	sum    atomic.Uint64 // ms
}

func (l *latency) write(w io.Writer) {
	var limits []time.Duration
	var counts []uint64
	for i := range l.counts {
		counts = append(counts, l.counts[i].Load())
	}
	for _, b := range bounds {
		limits = append(limits, time.Duration(b)*time.Millisecond)
	}
	promtext.Histogram(w, "processor_live_delivery_latency_seconds", limits, counts, time.Duration(l.sum.Load())*time.Millisecond)
}

// tally is what one writer counts between two publishes.
type tally struct {
	deliveries, bytes, writes int
	counts                    [len(bounds) + 1]uint32
	sum                       int64
	observed                  bool
	now                       int64 // ms since the epoch, some writes ago at most

	done [4]struct { // chunks not let go of yet: the newest that were written
		ch *shard.Chunk
		n  int
	}
}

// clockEvery is after how many writes the clock is read again; they take a
// tenth of a millisecond together.
const clockEvery = 16

func (t *tally) wrote(n int) {
	if t.writes%clockEvery == 0 {
		t.now = time.Now().UnixMilli()
	}
	t.writes++
	t.bytes += n
}

// letGo notes that a chunk is done with. Neighbours in the run queue mostly have
// the same chunks, so that one step at publish stands for many.
func (t *tally) letGo(ch *shard.Chunk) {
	for i := range t.done {
		if t.done[i].ch == ch {
			t.done[i].n++
			return
		}
	}
	last := len(t.done) - 1
	if old := &t.done[last]; old.ch != nil {
		old.ch.LetGo(old.n)
	}
	copy(t.done[1:], t.done[:last])
	t.done[0].ch, t.done[0].n = ch, 1
}

// delivered notes a chunk that was written whole.
func (t *tally) delivered(ch *shard.Chunk) {
	if !ch.Live() {
		return
	}
	t.deliveries += ch.Records()
	if ch.Arrival() == 0 {
		return
	}
	age := max(0, t.now-ch.Arrival())
	i := 0
	for i < len(bounds) && age > bounds[i] {
		i++
	}
	t.counts[i]++
	t.sum += age
	t.observed = true
}

func (t *tally) publish(m *meters) {
	if t.writes == 0 {
		return
	}
	m.deliveries.Add(t.deliveries)
	m.bytes.Add(t.bytes)
	m.writes.Add(t.writes)
	if t.observed {
		for i, n := range t.counts {
			if n > 0 {
				m.latency.counts[i].Add(uint64(n))
			}
		}
		m.latency.sum.Add(uint64(t.sum))
	}
	for _, d := range t.done {
		if d.ch != nil {
			d.ch.LetGo(d.n)
		}
	}
	*t = tally{}
}

// fault logs a repeating fault once per interval, with its count. Any goroutine
// may report.
type fault struct {
	log *slog.Logger

	mu    sync.Mutex
	quiet pace.Quiet
}

func (f *fault) report(what string, err error) {
	f.mu.Lock()
	n, tell := f.quiet.Tell(time.Now())
	f.mu.Unlock()
	if tell {
		f.log.Warn(what, "error", err, "times", n)
	}
}
