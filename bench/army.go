package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"syscall"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/internal/gauge"
)

// armySize is how many processes attack.
const armySize = 2

// armyNice is the niceness of the processes that attack.
const armyNice = 10

// army is the attacking processes of a run. Its methods may be called from any
// goroutine; orders are given by one at a time.
type army struct {
	members []*child

	mu     sync.Mutex // guards what follows
	last   []attack.Progress
	heard  []int // how often each has told since the last order
	failed error
}

// newArmy starts the processes; nobody attacks yet.
func newArmy(c attack.Config) (*army, error) {
	a := &army{last: make([]attack.Progress, armySize), heard: make([]int, armySize)}
	all := c.Load
	for i := range armySize {
		c.Load = map[string]float64{}
		for name, load := range all {
			c.Load[name] = load / armySize
		}
		k, err := startChild(siegeRole, c, func(out io.Reader) { a.listen(i, out) })
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start attackers: %w", err), a.close())
		}
		a.members = append(a.members, k)
		// Elsewhere attackers have machines of their own: here they get what
		// the engine and the spectators leave. Each child is a group.
		if err := syscall.Setpriority(syscall.PRIO_PGRP, k.cmd.Process.Pid, armyNice); err != nil {
			return nil, errors.Join(fmt.Errorf("lower the priority of attackers: %w", err), a.close())
		}
	}
	return a, nil
}

func (a *army) listen(i int, out io.Reader) {
	d := json.NewDecoder(bufio.NewReader(out))
	for {
		var p attack.Progress
		err := d.Decode(&p)
		a.mu.Lock()
		if err != nil {
			a.failed = errors.Join(a.failed, fmt.Errorf("an attacking process has ended: %w", err))
		} else {
			a.last[i] = p
			a.heard[i]++
		}
		a.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// order has some kinds under way from now on, and no others. With none it
// returns when everybody rests.
func (a *army) order(ctx context.Context, kinds ...string) error {
	a.mu.Lock()
	clear(a.heard)
	a.mu.Unlock()
	for _, k := range a.members {
		if err := k.order(attack.Order{Kinds: kinds}); err != nil {
			return err
		}
	}
	limit := time.Now().Add(20 * time.Second)
	for len(kinds) == 0 {
		resting, err := a.resting()
		if resting || err != nil {
			return err
		}
		if time.Now().After(limit) {
			return errors.New("attackers that were told to rest go on")
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// resting reports whether all rest, by what they have told since the order.
func (a *army) resting() (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, p := range a.last {
		if !p.Resting || a.heard[i] == 0 {
			return false, a.failed
		}
	}
	return true, a.failed
}

// tally is what all have done so far.
func (a *army) tally() attack.Progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := attack.Progress{Made: map[string]int64{}, Answers: map[string]attack.Answers{}}
	for _, p := range a.last {
		for name, n := range p.Made {
			sum.Made[name] += n
		}
		for name, answers := range p.Answers {
			if sum.Answers[name] == nil {
				sum.Answers[name] = attack.Answers{}
			}
			sum.Answers[name].Add(answers)
		}
	}
	return sum
}

// used is the processor time of the processes; none for no army.
func (a *army) used() (sum gauge.Process, err error) {
	if a == nil {
		return sum, nil
	}
	for _, k := range a.members {
		p, err := gauge.ReadProcess(k.cmd.Process.Pid)
		if err != nil {
			return sum, err
		}
		sum.User, sum.Sys, sum.RSS = sum.User+p.User, sum.Sys+p.Sys, sum.RSS+p.RSS
	}
	return sum, nil
}

// close ends the processes and waits for them.
func (a *army) close() error {
	if a == nil {
		return nil
	}
	var errs []error
	for _, k := range a.members {
		errs = append(errs, k.end())
	}
	a.members = nil
	return errors.Join(errs...)
}

// loads are the attacks' sizes: those of the flag, else their own. Only the
// kinds named take part, if any is.
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
