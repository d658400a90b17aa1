package runner

import (
	"context"
	"os"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/latency"
	"pitwall/bench/internal/publish"
	"pitwall/bench/report"
	"pitwall/bench/spectators"
	"pitwall/bench/stack"
)

// sampler reads all totals once a second. Only the goroutine of the run may use it,
// except for rss and scrape, which any goroutine may call.
type sampler struct {
	stack     *stack.Stack
	clients   *clients
	publisher *publish.Publisher

	first, last moment
	late        latency.Histogram // of the publisher, in the steady phase
	stored      latency.Histogram
	samples     []report.Sample
	slept       time.Duration // longest delay of a tick
	others      time.Duration // CPU time of other processes: during the run of the sampler, once that has ended
	busiest     float64       // highest CPU use of a process of spectators, in cores
}

// moment is a reading of all totals.
type moment struct {
	at       time.Time
	machine  gauge.Machine
	engines  gauge.Process
	redis    gauge.Process
	postgres gauge.Process
	own      gauge.Process
	workers  []gauge.Process
	metrics  gauge.Metrics
	counts   spectators.Counts
	sent     int64
}

func newSampler(s *stack.Stack, c *clients, p *publish.Publisher) *sampler {
	return &sampler{stack: s, clients: c, publisher: p, late: latency.New(), stored: latency.New()}
}

// rss is the resident memory of the engines, 0 if they are not on this machine.
func (s *sampler) rss() (sum int64) {
	for _, e := range s.stack.Engines {
		if e.PID == 0 {
			return 0
		}
		if p, err := gauge.ReadProcess(e.PID); err == nil {
			sum += p.RSS
		}
	}
	return sum
}

// scrape reads the metrics of all engines and adds them up.
func (s *sampler) scrape(ctx context.Context) (gauge.Metrics, error) {
	all := gauge.Metrics{}
	for _, e := range s.stack.Engines {
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

// read reads all totals.
func (s *sampler) read(ctx context.Context) (m moment, err error) {
	if m.metrics, err = s.scrape(ctx); err != nil {
		return m, err
	}
	m.at = time.Now()
	if m.machine, err = gauge.ReadMachine(); err != nil {
		return m, err
	}
	add := func(to *gauge.Process, pid int, read func(int) (gauge.Process, error)) {
		if pid == 0 || err != nil {
			return
		}
		var p gauge.Process
		p, err = read(pid)
		to.Add(p)
	}
	for _, e := range s.stack.Engines {
		add(&m.engines, e.PID, gauge.ReadProcess)
	}
	add(&m.redis, s.stack.RedisPID(), gauge.ReadProcess)
	add(&m.postgres, s.stack.PostgresPID(), gauge.ReadTree)
	add(&m.own, os.Getpid(), gauge.ReadProcess)
	if err != nil {
		return m, err
	}
	if m.workers, err = s.clients.used(); err != nil {
		return m, err
	}
	m.sent = s.publisher.Sent()
	t, err := s.clients.tally()
	m.counts = t.counts
	return m, err
}

// run samples until ctx ends.
func (s *sampler) run(ctx context.Context, show *progress) error {
	whole := context.WithoutCancel(ctx)
	s.publisher.Figures() // discards what was before
	s.clients.lastSecond()
	var err error
	if s.first, err = s.read(whole); err != nil {
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
			return s.sample(whole, show)
		}
		s.slept = max(s.slept, time.Since(s.first.at)-time.Duration(n)*time.Second)
		if err := s.sample(whole, show); err != nil {
			return err
		}
	}
}

// sample adds a sample.
func (s *sampler) sample(ctx context.Context, show *progress) error {
	now, err := s.read(ctx)
	if err != nil {
		return err
	}
	late, stored := s.publisher.Figures()
	s.late.Merge(late)
	s.stored.Merge(stored)
	seconds := now.at.Sub(s.last.at).Seconds()
	if seconds < 0.5 {
		return nil // the end of the run fell on a tick
	}
	x := s.between(s.last, now, seconds)
	if h := s.clients.lastSecond(); h.TotalCount() > 0 {
		x.P50, x.P99 = h.MS(50), h.MS(99)
	}
	s.samples = append(s.samples, x)
	s.last = now
	show.sample(x)
	return nil
}

// delivered is the number of positions sent to spectators from a to b. It comes from the
// engine's metrics, which are exact. Without metrics it comes from the clients' statuses,
// which are up to half a second old.
func delivered(a, b moment) float64 {
	const name = "processor_live_deliveries_total"
	if n, ok := b.metrics[name]; ok {
		return n - a.metrics[name]
	}
	return float64(b.counts.Deliveries - a.counts.Deliveries)
}

// between is the sample from a to b.
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
		Window:       b.metrics["processor_live_flush_window_ms"] / float64(len(s.stack.Engines)),
	}
	for i := range b.workers {
		busy := cores(a.workers[i], b.workers[i])
		s.busiest = max(s.busiest, busy)
		x.Harness += busy
	}
	return x
}
