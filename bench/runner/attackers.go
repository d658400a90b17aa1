package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/pause"
	"pitwall/bench/internal/process"
)

const attackProcesses = 2 // number of attacking processes

// attackers controls the attacking processes of a run. It is nil in a run without
// attacks. Any goroutine may call its methods, but only one at a time may give orders.
type attackers struct {
	workers []*process.Child

	mu     sync.Mutex // guards what follows
	last   []attack.Status
	heard  []int // how many statuses each has sent since the last order
	failed error
}

// startAttackers starts the processes. They make no attacks before an order.
func startAttackers(c attack.Config) (*attackers, error) {
	a := &attackers{last: make([]attack.Status, attackProcesses), heard: make([]int, attackProcesses)}
	all := c.Load
	for i := range attackProcesses {
		c.Load = map[string]float64{}
		for name, load := range all {
			c.Load[name] = load / attackProcesses
		}
		k, err := process.Start(process.Attackers, c, func(out io.Reader) { a.listen(i, out) })
		if err != nil {
			return nil, errors.Join(err, a.close())
		}
		a.workers = append(a.workers, k)
		if err := runWhenIdle(k.PID()); err != nil {
			return nil, errors.Join(fmt.Errorf("lower the priority of attackers: %w", err), a.close())
		}
	}
	return a, nil
}

// listen takes the statuses of a process until it ends.
func (a *attackers) listen(i int, out io.Reader) {
	err := process.Listen(out, func(s attack.Status) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.last[i] = s
		a.heard[i]++
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = errors.Join(a.failed, fmt.Errorf("an attacking process has ended: %w", err))
}

// order makes the attackers run these kinds of attacks from now on, and no others.
// Without kinds it returns when all attackers rest.
func (a *attackers) order(ctx context.Context, kinds ...string) error {
	a.mu.Lock()
	clear(a.heard)
	a.mu.Unlock()
	for _, k := range a.workers {
		if err := k.Order(attack.Order{Kinds: kinds}); err != nil {
			return err
		}
	}
	limit := time.Now().Add(restWithin)
	for len(kinds) == 0 {
		resting, err := a.resting()
		if resting || err != nil {
			return err
		}
		if time.Now().After(limit) {
			return errors.New("the attackers did not stop when they were asked to")
		}
		if err := pause.For(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// restWithin bounds the wait for attackers to rest.
const restWithin = 20 * time.Second

// resting reports whether all attackers rest, by their statuses since the last order.
func (a *attackers) resting() (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range a.last {
		if !s.Resting || a.heard[i] == 0 {
			return false, a.failed
		}
	}
	return true, a.failed
}

// tally is what all have done so far.
func (a *attackers) tally() attack.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := attack.Status{Made: map[string]int64{}, Answers: map[string]attack.Answers{}}
	for _, s := range a.last {
		for name, n := range s.Made {
			sum.Made[name] += n
		}
		for name, answers := range s.Answers {
			if sum.Answers[name] == nil {
				sum.Answers[name] = attack.Answers{}
			}
			sum.Answers[name].Add(answers)
		}
	}
	return sum
}

// used is the processor time of the processes.
func (a *attackers) used() (sum gauge.Process, err error) {
	if a == nil {
		return sum, nil
	}
	for _, k := range a.workers {
		p, err := gauge.ReadProcess(k.PID())
		if err != nil {
			return sum, err
		}
		sum.Add(p)
	}
	return sum, nil
}

// close ends the processes and waits for them.
func (a *attackers) close() error {
	if a == nil {
		return nil
	}
	list := a.workers
	a.workers = nil
	return process.EndAll(list)
}

// loads returns the load of each kind of attack: that of the flag, or the default of the
// kind if the flag does not name it.
func loads(flag map[string]float64) (map[string]float64, error) {
	all := map[string]float64{}
	for _, k := range attack.Kinds() {
		all[k.Name] = k.Load
	}
	for name := range flag {
		if _, ok := all[name]; !ok {
			return nil, fmt.Errorf("--attack names %q, which is no attack", name)
		}
	}
	maps.Copy(all, flag)
	return all, nil
}
