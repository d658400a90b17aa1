package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/latency"
	"pitwall/bench/internal/pause"
	"pitwall/bench/internal/process"
	"pitwall/bench/spectators"
	"pitwall/bench/stack"
)

// clients are the processes of spectators of a run. Any goroutine may call its
// methods, but only one at a time may give orders.
type clients struct {
	workers []*worker

	mu     sync.Mutex // guards what follows
	since  histograms // since the last call of measure
	join   latency.Histogram
	second latency.Histogram // latency since the last call of lastSecond
	phase  latency.Histogram // latency since the last call of nextPhase
	stall  int64             // longest turn of a process since the last call of measure, µs
	failed error
}

// histograms are what clients have measured, in µs.
type histograms struct {
	latency, slow latency.Histogram
	wait          latency.Histogram // in the sockets of sampled clients
	odd           int64             // reads of these that are missing from wait because the clock was set
}

// worker is a process of spectators.
type worker struct {
	*process.Child
	clients   int // that it may have
	connected int // that it was told to connect

	last  spectators.Status // guarded by clients.mu
	final bool
}

// emptyClients has no processes yet.
func emptyClients() *clients {
	return &clients{since: newHistograms(), join: latency.New(), second: latency.New(), phase: latency.New()}
}

func newHistograms() histograms {
	return histograms{latency: latency.New(), slow: latency.New(), wait: latency.New()}
}

// newClients starts the processes. No client connects yet. Connections will be spread
// over the engines.
func newClients(c spectators.Config, engines []*stack.Engine, watch []int32, slow int) (*clients, error) {
	p := emptyClients()
	n := workersFor(len(watch), len(engines))
	for i := range n {
		e := engines[i%len(engines)]
		c.Addr, c.Source, c.Watch = e.Addr, i, nil
		for k := i; k < len(watch); k += n {
			c.Watch = append(c.Watch, watch[k])
		}
		c.Slow = (slow + n - 1 - i) / n
		k := &worker{clients: len(c.Watch)}
		var err error
		if k.Child, err = process.Start(process.Spectators, c, func(out io.Reader) { p.listen(k, out) }); err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.workers = append(p.workers, k)
	}
	return p, nil
}

// workersFor is the number of processes that so many clients need. Each engine has the
// same number, so that all have equally many clients.
func workersFor(clients, engines int) int {
	each := (clients + engines - 1) / engines
	return engines * max(1, (each+spectators.MostClients-1)/spectators.MostClients)
}

// listen takes the statuses of a process until it ends.
func (p *clients) listen(k *worker, out io.Reader) {
	err := process.Listen(out, func(s spectators.Status) {
		p.mu.Lock()
		defer p.mu.Unlock()
		k.last, k.final = s, k.final || s.Final
		p.since.latency.Merge(s.Latency)
		p.second.Merge(s.Latency)
		p.phase.Merge(s.Latency)
		p.since.slow.Merge(s.Slow)
		p.join.Merge(s.Join)
		p.since.wait.Merge(s.Wait)
		p.since.odd += s.Odd
		p.stall = max(p.stall, s.StallUS)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = fmt.Errorf("a process of spectators has ended: %w", err)
	}
}

// close ends the processes and waits for them.
func (p *clients) close() error {
	list := p.workers
	p.workers = nil
	return process.EndAll(list)
}

// order gives an order to every process. change, unless it is nil, adapts the order to
// the process.
func (p *clients) order(o spectators.Order, change func(o *spectators.Order, i int, k *worker)) error {
	for i, k := range p.workers {
		own := o
		if change != nil {
			change(&own, i, k)
		}
		if err := k.Order(own); err != nil {
			return err
		}
	}
	return nil
}

// share is the part of n for process i.
func (p *clients) share(n, i int) int { return (n + len(p.workers) - 1 - i) / len(p.workers) }

// connect connects n more clients, evenly over a time.
func (p *clients) connect(n int, over time.Duration) error {
	return p.order(spectators.Order{Do: "connect", OverMS: int(over.Milliseconds())}, func(o *spectators.Order, i int, k *worker) {
		o.Clients = min(p.share(n, i), k.clients-k.connected)
		k.connected += o.Clients
	})
}

// drop disconnects the first n clients and reconnects them, evenly over a time.
func (p *clients) drop(n int, over time.Duration) error {
	return p.order(spectators.Order{Do: "drop", OverMS: int(over.Milliseconds())}, func(o *spectators.Order, i int, _ *worker) {
		o.Clients = p.share(n, i)
	})
}

// measure clears the latencies, and counts those of records that are due between the
// two times.
func (p *clients) measure(from, to time.Time) error {
	p.mu.Lock()
	p.since, p.second, p.phase = newHistograms(), latency.New(), latency.New()
	p.stall = 0
	p.mu.Unlock()
	return p.order(spectators.Order{Do: "measure", From: from.UnixMicro(), To: to.UnixMicro()}, nil)
}

// finish waits until everything published has arrived at all processes, or the time is
// up.
func (p *clients) finish(ctx context.Context, published []uint32, within time.Duration) (tally, error) {
	if err := p.order(spectators.Order{Do: "finish", Published: published, WithinMS: int(within.Milliseconds())}, nil); err != nil {
		return tally{}, err
	}
	return p.await(ctx, within+10*time.Second, "the last positions", func(t tally) bool { return t.final })
}

// await waits until the tally is as wanted.
func (p *clients) await(ctx context.Context, within time.Duration, what string, wanted func(tally) bool) (t tally, err error) {
	ok, err := pause.Until(ctx, 20*time.Millisecond, within, func() (_ bool, err error) {
		t, err = p.tally()
		return err == nil && wanted(t), err
	})
	if err == nil && !ok {
		err = fmt.Errorf("waited %v for %s: %d subscribed, %d have their snapshot; %s", within, what, t.open, t.joined, t.fault)
	}
	return t, err
}

// used is the CPU time of each process.
func (p *clients) used() (list []gauge.Process, err error) {
	for _, k := range p.workers {
		u, err := gauge.ReadProcess(k.PID())
		if err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, nil
}
