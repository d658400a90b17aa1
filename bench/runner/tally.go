package runner

import (
	"time"

	"pitwall/bench/internal/latency"
	"pitwall/bench/spectators"
)

// tally is what all clients have seen so far.
type tally struct {
	open, joined int
	counts       spectators.Counts
	missing      int64
	stall        time.Duration
	fault        string
	final        bool
}

func (p *clients) tally() (t tally, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.final = true
	for _, k := range p.workers {
		t.open += k.last.Open
		t.joined += k.last.Joined
		t.counts.Add(k.last.Counts)
		t.missing += k.last.Missing
		t.final = t.final && k.final
		if t.fault == "" {
			t.fault = k.last.Fault
		}
	}
	t.stall = time.Duration(p.stall) * time.Microsecond
	return t, p.failed
}

// lastSecond takes the latencies since the last call.
func (p *clients) lastSecond() latency.Histogram { return p.take(&p.second) }

// nextPhase takes the latencies since the last call, as far as clients have
// reported them, which they do twice a second.
func (p *clients) nextPhase() latency.Histogram { return p.take(&p.phase) }

// forgetJoins begins anew with the times of joining.
func (p *clients) forgetJoins() { p.take(&p.join) }

// take empties one of the histograms.
func (p *clients) take(h *latency.Histogram) latency.Histogram {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := *h
	*h = latency.New()
	return taken
}

// measured are copies of the latencies since the last measure.
func (p *clients) measured() (h histograms) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return histograms{latency: p.since.latency.Clone(), slow: p.since.slow.Clone(), wait: p.since.wait.Clone()}
}

// joins is a copy of the times of joining, since the start or since they were
// forgotten.
func (p *clients) joins() latency.Histogram {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.join.Clone()
}

// oddReads is how many reads of sampled clients are in no histogram, since the
// clock was set meanwhile.
func (p *clients) oddReads() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.odd
}
