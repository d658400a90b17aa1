package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/spectators"
	"pitwall/bench/stack"
)

// perProcess is how many connections a swarm process has at most: the
// descriptors of a process often end at 20,000.
const perProcess = 19_500

// fleet is the swarm processes of a run. Its methods may be called from any
// goroutine; orders are given by one at a time.
type fleet struct {
	crews []*crew

	mu      sync.Mutex      // guards what follows
	latency spectators.Hist // since the last measure
	slow    spectators.Hist
	join    spectators.Hist // since the start, or since the herd moved
	wait    spectators.Hist // in the sockets of sampled clients, since the last measure
	odd     int64           // reads of theirs that are not in it
	second  spectators.Hist // latency since the last look
	phase   spectators.Hist // latency since the last change of phase
	stall   int64           // longest turn of a process since the last measure, µs
	failed  error
}

// crew is one swarm process.
type crew struct {
	*child
	clients int // those it may have
	there   int // those it was told to connect

	last  spectators.Progress // guarded by fleet.mu
	final bool
}

// newFleet starts the processes; nobody connects yet. Connections are spread
// over the engines.
func newFleet(c spectators.Config, engines []*stack.Engine, watch []int32, slow int) (*fleet, error) {
	f := &fleet{latency: spectators.NewHist(), slow: spectators.NewHist(), join: spectators.NewHist(), wait: spectators.NewHist(),
		second: spectators.NewHist(), phase: spectators.NewHist()}
	n := crewsFor(len(watch), len(engines))
	for i := range n {
		e := engines[i%len(engines)]
		c.Addr, c.Source, c.Watch = e.Addr, i, nil
		for k := i; k < len(watch); k += n {
			c.Watch = append(c.Watch, watch[k])
		}
		c.Slow = (slow + n - 1 - i) / n
		if err := f.start(c); err != nil {
			return nil, errors.Join(err, f.close())
		}
	}
	return f, nil
}

// crewsFor is how many processes so many clients need. Each engine has the same
// number, or one would have more clients than another.
func crewsFor(clients, engines int) int {
	each := (clients + engines - 1) / engines
	return engines * max(1, (each+perProcess-1)/perProcess)
}

func (f *fleet) start(c spectators.Config) error {
	k := &crew{clients: len(c.Watch)}
	var err error
	if k.child, err = startChild(swarmRole, c, func(out io.Reader) { f.listen(k, out) }); err != nil {
		return fmt.Errorf("start a swarm: %w", err)
	}
	f.crews = append(f.crews, k)
	return nil
}

// listen takes what a process tells until it ends.
func (f *fleet) listen(k *crew, out io.Reader) {
	d := json.NewDecoder(bufio.NewReader(out))
	for {
		var p spectators.Progress
		if err := d.Decode(&p); err != nil {
			f.mu.Lock()
			if f.failed == nil {
				f.failed = fmt.Errorf("a swarm process has ended: %w", err)
			}
			f.mu.Unlock()
			return
		}
		f.mu.Lock()
		k.last, k.final = p, k.final || p.Final
		f.latency.Merge(p.Latency)
		f.second.Merge(p.Latency)
		f.phase.Merge(p.Latency)
		f.slow.Merge(p.Slow)
		f.join.Merge(p.Join)
		f.wait.Merge(p.Wait)
		f.odd += p.Odd
		f.stall = max(f.stall, p.StallUS)
		f.mu.Unlock()
	}
}

// close ends the processes and waits for them.
func (f *fleet) close() error {
	var errs []error
	for _, k := range f.crews {
		errs = append(errs, k.end())
	}
	f.crews = nil
	return errors.Join(errs...)
}

// order tells every process the same.
func (f *fleet) order(o spectators.Order) error {
	for _, k := range f.crews {
		if err := k.order(o); err != nil {
			return err
		}
	}
	return nil
}

// connect has so many more clients come within a time.
func (f *fleet) connect(n int, over time.Duration) error {
	for i, k := range f.crews {
		more := min((n+len(f.crews)-1-i)/len(f.crews), k.clients-k.there)
		if more == 0 {
			continue
		}
		k.there += more
		if err := k.order(spectators.Order{Do: "connect", Clients: more, OverMS: int(over.Milliseconds())}); err != nil {
			return err
		}
	}
	return nil
}

// measure has the latencies of the records due in a time counted, from zero.
func (f *fleet) measure(from, to time.Time) error {
	f.mu.Lock()
	f.latency, f.slow, f.second, f.phase, f.stall = spectators.NewHist(), spectators.NewHist(), spectators.NewHist(), spectators.NewHist(), 0
	f.wait, f.odd = spectators.NewHist(), 0
	f.mu.Unlock()
	return f.order(spectators.Order{Do: "measure", From: from.UnixMicro(), To: to.UnixMicro()})
}

// tally is what a fleet has seen so far.
type tally struct {
	open, joined int
	counts       spectators.Counts
	missing      int64
	stall        time.Duration
	fault        string
	final        bool
}

func (f *fleet) tally() (t tally, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.final = true
	for _, k := range f.crews {
		t.open += k.last.Open
		t.joined += k.last.Joined
		t.counts.Add(k.last.Counts)
		t.missing += k.last.Missing
		t.final = t.final && k.final
		if t.fault == "" {
			t.fault = k.last.Fault
		}
	}
	t.stall = time.Duration(f.stall) * time.Microsecond
	return t, f.failed
}

// lastSecond takes the latencies since the last call.
func (f *fleet) lastSecond() spectators.Hist { return f.take(&f.second) }

// nextPhase takes the latencies since the last call, as far as clients have
// told them, which they do twice a second.
func (f *fleet) nextPhase() spectators.Hist { return f.take(&f.phase) }

// take empties one of the histograms.
func (f *fleet) take(h *spectators.Hist) spectators.Hist {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := *h
	*h = spectators.NewHist()
	return taken
}

// forgetJoins begins anew with the times of joining.
func (f *fleet) forgetJoins() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.join = spectators.NewHist()
}

// hists are copies of the latencies so far.
func (f *fleet) hists() (latency, slow, join spectators.Hist) {
	f.mu.Lock()
	defer f.mu.Unlock()
	latency, slow, join = spectators.NewHist(), spectators.NewHist(), spectators.NewHist()
	latency.Merge(f.latency)
	slow.Merge(f.slow)
	join.Merge(f.join)
	return latency, slow, join
}

// waits is a copy of how long positions have waited in the sockets of sampled
// clients so far, and how many reads are not in it.
func (f *fleet) waits() (wait spectators.Hist, odd int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wait = spectators.NewHist()
	wait.Merge(f.wait)
	return wait, f.odd
}

// used is the processor time of the processes.
func (f *fleet) used() (list []gauge.Process, err error) {
	for _, k := range f.crews {
		p, err := gauge.ReadProcess(k.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return slices.Clip(list), nil
}

// finish has every process wait for what was published.
func (f *fleet) finish(ctx context.Context, published []uint32, within time.Duration) (tally, error) {
	if err := f.order(spectators.Order{Do: "finish", Published: published, WithinMS: int(within.Milliseconds())}); err != nil {
		return tally{}, err
	}
	return f.await(ctx, within+10*time.Second, "the last positions", func(t tally) bool { return t.final })
}

// await waits until the fleet's state is as wanted.
func (f *fleet) await(ctx context.Context, within time.Duration, what string, cond func(tally) bool) (tally, error) {
	limit := time.Now().Add(within)
	for {
		t, err := f.tally()
		switch {
		case err != nil:
			return t, err
		case cond(t):
			return t, nil
		case time.Now().After(limit):
			return t, fmt.Errorf("waited %v for %s: %d subscribed, %d have their snapshot; %s", within, what, t.open, t.joined, t.fault)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return t, err
		}
	}
}

// pause waits, or fails when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drop has the first n clients go, and come back, evenly over a time.
func (f *fleet) drop(n int, over time.Duration) error {
	for i, k := range f.crews {
		o := spectators.Order{Do: "drop", Clients: (n + len(f.crews) - 1 - i) / len(f.crews), OverMS: int(over.Milliseconds())}
		if err := k.order(o); err != nil {
			return err
		}
	}
	return nil
}
