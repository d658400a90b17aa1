package access

import (
	"errors"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// meters are the metrics of a Guard.
type meters struct {
	admitted, refused, linkFull, failed *metrics.Counter
	reasons                             map[string]*metrics.Counter // of refused handshakes, renewals and rechecks
}

func (m *meters) register(set *metrics.Set) {
	const name = "processor_live_authentications_total"
	m.admitted = set.NewCounter(name + `{result="admitted"}`)
	m.refused = set.NewCounter(name + `{result="refused"}`)
	m.linkFull = set.NewCounter(name + `{result="link_full"}`)
	m.failed = set.NewCounter("processor_live_access_errors_total")
	m.reasons = map[string]*metrics.Counter{}
	for _, reason := range refusalReasons {
		m.reasons[reason] = set.NewCounter(`processor_live_refused_authentications_total{reason="` + reason + `"}`)
	}
}

// countRefusal counts and logs the reason of a refusal. wanted is what the client
// wanted to do.
func (g *Guard) countRefusal(wanted string, err error) {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		r = &refusal{reason: reasonOther}
	}
	g.meters.reasons[r.reason].Inc()
	g.o.Logger.Debug("access refused", "wanted", wanted, "reason", r.reason, "detail", r.detail)
}

// logFault counts an error of the platform, the database or Redis, and logs it with
// a limit.
func (g *Guard) logFault(what string, err error) {
	g.meters.failed.Inc()
	if n, ok := g.faultLog.Allow(time.Now()); ok {
		g.o.Logger.Warn(what, "error", err, "times", n)
	}
}
