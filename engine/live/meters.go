package live

import (
	"io"
	"strconv"

	"github.com/VictoriaMetrics/metrics"
)

// meters are the metrics of the live server. Any goroutine may use them.
type meters struct {
	set                               *metrics.Set
	deliveries, bytes, writes, panics *metrics.Counter
	shed, pauses, expiries            *metrics.Counter
	throttles, heldSubscribes         *metrics.Counter
	lateRounds                        *metrics.Counter
	subscriptions, parked             *metrics.Gauge
	latency, waits                    histogram
}

func newMeters(set *metrics.Set, srv *Server) *meters {
	m := &meters{
		set:            set,
		deliveries:     set.NewCounter("processor_live_deliveries_total"),
		bytes:          set.NewCounter("processor_live_written_bytes_total"),
		writes:         set.NewCounter("processor_live_writes_total"),
		panics:         set.NewCounter("processor_live_read_panics_total"),
		pauses:         set.NewCounter("processor_live_accept_pauses_total"),
		expiries:       set.NewCounter("processor_live_ring_expiries_total"),
		heldSubscribes: set.NewCounter("processor_live_held_subscribes_total"),
		throttles:      set.NewCounter("processor_live_read_pauses_total"),
		shed:           set.NewCounter("processor_live_shed_connections_total"),
		lateRounds:     set.NewCounter("processor_live_late_recheck_rounds_total"),
		subscriptions:  set.NewGauge("processor_live_subscriptions", nil),
		parked:         set.NewGauge("processor_live_parked_sockets", nil),
	}
	set.NewGauge("processor_live_connections", func() float64 { return float64(srv.Connections()) })
	set.NewGauge("processor_live_queued_bytes", func() float64 { return float64(srv.queued.Load()) })
	set.NewGauge("processor_live_queued_bytes_limit", func() float64 { return float64(srv.limits().QueuedBytes) })
	m.announce()
	set.RegisterMetricsWriter(func(w io.Writer) {
		m.latency.write(w, "processor_live_delivery_latency_seconds")
		m.waits.write(w, "processor_live_write_latency_seconds")
	})
	return m
}

// All statuses of refused upgrades, codes of close frames and codes of errors.
var (
	refusedStatuses = []int{400, 401, 403, 426, 429, 500, 503}
	closeCodes      = []uint16{1001, 1002, 1007, 1008, 1009, 4401, 4408}
	errorCodes      = []string{"bad_request", "unknown_topic", "forbidden", "too_many_subscriptions", "rate_limited", "internal"}
)

// announce makes the counters with a label, so that each starts with 0: a counter that
// appears with its first event has no rate before its second.
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

// refused counts an error frame. Errors are rare enough for a lookup.
func (m *meters) refused(code string) { m.set.GetOrCreateCounter(refusedName(code)).Inc() }

func refusalName(reason string) string {
	return `processor_live_refusals_total{reason="` + reason + `"}`
}

// refusal counts a connection or request that was refused before a session began.
func (m *meters) refusal(reason string) { m.set.GetOrCreateCounter(refusalName(reason)).Inc() }

func rejectedName(status int) string {
	return `processor_live_refused_upgrades_total{status="` + strconv.Itoa(status) + `"}`
}

// rejected counts a refused upgrade, as a refusal as well.
func (m *meters) rejected(status int, reason string) {
	m.refusal(reason)
	m.set.GetOrCreateCounter(rejectedName(status)).Inc()
}

func closedName(code uint16) string {
	return `processor_live_closes_total{code="` + strconv.Itoa(int(code)) + `"}`
}

// closed counts a connection that the server has ended.
func (m *meters) closed(code uint16) { m.set.GetOrCreateCounter(closedName(code)).Inc() }
