package main

import (
	"context"
	"os"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/publish"
	"pitwall/bench/report"
	"pitwall/bench/spectators"
	"pitwall/bench/stack"
)

// sampler looks at everything once a second. It belongs to the run's
// goroutine, but for rss and scrape.
type sampler struct {
	site      *stack.Site
	fleet     *fleet
	publisher *publish.Publisher

	first, last moment
	late        spectators.Hist // of the publisher, in the steady phase
	stored      spectators.Hist
	samples     []report.Sample
	slept       time.Duration // the longest that a tick came too late
	others      time.Duration // at first what other processes had used, at the end what they have since
	busiest     float64       // share of a core of the busiest swarm process
}

// moment is everything that grows, at one time.
type moment struct {
	at       time.Time
	machine  gauge.Machine
	engines  gauge.Process
	redis    gauge.Process
	postgres gauge.Process
	own      gauge.Process
	crews    []gauge.Process
	metrics  gauge.Metrics
	counts   spectators.Counts
	sent     int64
}

func newSampler(s *stack.Site, f *fleet, p *publish.Publisher) *sampler {
	return &sampler{site: s, fleet: f, publisher: p, late: spectators.NewHist(), stored: spectators.NewHist()}
}

// rss is the engines' resident memory, 0 when they are elsewhere.
func (s *sampler) rss() (sum int64) {
	for _, e := range s.site.Engines {
		if e.PID == 0 {
			return 0
		}
		if p, err := gauge.ReadProcess(e.PID); err == nil {
			sum += p.RSS
		}
	}
	return sum
}

// scrape reads the metrics of all engines, added up.
func (s *sampler) scrape(ctx context.Context) (gauge.Metrics, error) {
	all := gauge.Metrics{}
	for _, e := range s.site.Engines {
		if e.Ops == "" {
			continue
		}
		m, err := gauge.Scrape(ctx, e.Ops)
		if err != nil {
			return nil, err
		}
		all.Add(m)
	}
	return all, nil
}

// look takes a moment.
func (s *sampler) look(ctx context.Context) (m moment, err error) {
	if m.metrics, err = s.scrape(ctx); err != nil {
		return m, err
	}
	m.at = time.Now()
	if m.machine, err = gauge.ReadMachine(); err != nil {
		return m, err
	}
	read := func(to *gauge.Process, pid int, f func(int) (gauge.Process, error)) {
		if pid == 0 || err != nil {
			return
		}
		var p gauge.Process
		p, err = f(pid)
		to.User, to.Sys, to.RSS = to.User+p.User, to.Sys+p.Sys, to.RSS+p.RSS
	}
	for _, e := range s.site.Engines {
		read(&m.engines, e.PID, gauge.ReadProcess)
	}
	read(&m.redis, s.site.RedisPID(), gauge.ReadProcess)
	read(&m.postgres, s.site.PostgresPID(), gauge.ReadTree)
	read(&m.own, os.Getpid(), gauge.ReadProcess)
	if err != nil {
		return m, err
	}
	if m.crews, err = s.fleet.used(); err != nil {
		return m, err
	}
	m.sent = s.publisher.Sent()
	t, err := s.fleet.tally()
	m.counts = t.counts
	return m, err
}

// run samples until ctx ends.
func (s *sampler) run(ctx context.Context, say *teller) error {
	whole := context.WithoutCancel(ctx)
	s.publisher.Figures() // what was before does not count
	s.fleet.lastSecond()
	var err error
	if s.first, err = s.look(whole); err != nil {
		return err
	}
	if s.others, err = gauge.ReadOthers(os.Getpid()); err != nil {
		return err
	}
	s.last = s.first
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			others, err := gauge.ReadOthers(os.Getpid())
			if err != nil {
				return err
			}
			s.others = max(0, others-s.others)
			return s.sample(whole, say)
		}
		s.slept = max(s.slept, time.Since(s.first.at)-time.Duration(n)*time.Second)
		if err := s.sample(whole, say); err != nil {
			return err
		}
	}
}

// sample adds a second.
func (s *sampler) sample(ctx context.Context, say *teller) error {
	now, err := s.look(ctx)
	if err != nil {
		return err
	}
	late, stored := s.publisher.Figures()
	s.late.Merge(late)
	s.stored.Merge(stored)
	seconds := now.at.Sub(s.last.at).Seconds()
	if seconds < 0.5 {
		return nil // the end of a run that fell on a tick: nothing to divide by
	}
	x := s.between(s.last, now, seconds)
	h := s.fleet.lastSecond()
	if h.TotalCount() > 0 {
		x.P50, x.P99 = ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99))
	}
	s.samples = append(s.samples, x)
	s.last = now
	say.sample(x)
	return nil
}

// delivered is how many positions spectators were sent from a to b: by the
// engine's own count, which is exact at both moments; without it by what
// clients have told, half a second old.
func delivered(a, b moment) float64 {
	const name = "processor_live_deliveries_total"
	if n, ok := b.metrics[name]; ok {
		return n - a.metrics[name]
	}
	return float64(b.counts.Deliveries - a.counts.Deliveries)
}

// between is what happened from a to b.
func (s *sampler) between(a, b moment, seconds float64) report.Sample {
	cores := func(x, y gauge.Process) float64 { return y.Since(x).CPU().Seconds() / seconds }
	engines, machine := b.engines.Since(a.engines), b.machine.Since(a.machine)
	x := report.Sample{
		T:          b.at.Sub(s.first.at).Seconds(),
		Deliveries: delivered(a, b) / seconds,
		Records:    float64(b.sent-a.sent) / seconds,
		User:       engines.User.Seconds() / seconds, Sys: engines.Sys.Seconds() / seconds,
		Redis: cores(a.redis, b.redis), Postgres: cores(a.postgres, b.postgres),
		Harness: cores(a.own, b.own), Steal: machine.Steal.Seconds() / seconds,
		RSS: float64(b.engines.RSS) / 1e6, Goroutines: b.metrics["go_goroutines"],
		Connections: b.metrics["processor_live_connections"],
		Lag:         b.metrics.Max("processor_live_stream_lag_ms"), ArchiveLag: b.metrics.Max("processor_archive_lag_ms"),
		ArchivedRows: (b.metrics["processor_archive_rows_total"] - a.metrics["processor_archive_rows_total"]) / seconds,
		Window:       b.metrics["processor_live_flush_window_ms"] / float64(len(s.site.Engines)),
	}
	for i := range b.crews {
		busy := cores(a.crews[i], b.crews[i])
		s.busiest = max(s.busiest, busy)
		x.Harness += busy
	}
	return x
}

// ms turns µs into ms.
func ms(us int64) float64 { return float64(us) / 1000 }
