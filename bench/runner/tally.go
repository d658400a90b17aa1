package runner

import (
	"time"

	"pitwall/bench/internal/latency"
	"pitwall/bench/spectators"
)

// tally sums up the last statuses of all processes of spectators.
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

// lastSecond returns the latencies since its last call.
func (p *clients) lastSecond() latency.Histogram { return p.take(&p.second) }

// nextPhase returns the latencies since its last call, as far as clients have reported
// them, which they do twice a second.
func (p *clients) nextPhase() latency.Histogram { return p.take(&p.phase) }

// forgetJoins clears the times until clients had their snapshot.
func (p *clients) forgetJoins() { p.take(&p.join) }

// take returns a histogram and clears it.
func (p *clients) take(h *latency.Histogram) latency.Histogram {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := *h
	*h = latency.New()
	return taken
}

// measured are copies of the histograms since the last call of measure.
func (p *clients) measured() (h histograms) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return histograms{latency: p.since.latency.Clone(), slow: p.since.slow.Clone(), wait: p.since.wait.Clone(), odd: p.since.odd}
}

// joins is a copy of the times until clients had their snapshot, since the start or the
// last call of forgetJoins.
func (p *clients) joins() latency.Histogram {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.join.Clone()
}
