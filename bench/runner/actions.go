package runner

import (
	"errors"
	"fmt"
	"time"

	"pitwall/bench/internal/pause"
	"pitwall/bench/internal/publish"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
	"pitwall/bench/stack"
)

// act carries out the action of the scenario in the steady phase.
func (r *run) act() error {
	if r.action != nil {
		return r.action(r)
	}
	switch r.scenario.Action {
	case scenario.Herd:
		return r.herd()
	case scenario.Roster:
		return r.moveEntries()
	case scenario.Attacked:
		return r.attack()
	}
	return nil
}

// calmBefore is the time from the start of the steady phase until the herd moves, so
// that a report can compare.
const calmBefore = 2 * time.Second

// herd drops all connections, which reconnect evenly over plan.Over. With
// plan.StartLine all connect for the first time instead.
func (r *run) herd() error {
	if err := pause.For(r.ctx, calmBefore); err != nil {
		return err
	}
	before, err := r.clients.tally()
	if err != nil {
		return err
	}
	metrics, err := r.sampler.scrape(r.ctx)
	if err != nil {
		return err
	}
	r.clients.forgetJoins()
	r.calm = r.clients.nextPhase()
	if r.plan.StartLine {
		err = r.clients.connect(r.plan.Connections, r.plan.Over)
	} else {
		err = r.clients.drop(r.plan.Connections, r.plan.Over)
	}
	if err != nil {
		return err
	}
	_, err = r.clients.await(r.ctx, r.plan.Over+joinWithin, "the herd to reconnect", func(t tally) bool {
		gone := t.counts.Refused + t.counts.Lost - before.counts.Refused - before.counts.Lost
		return r.clients.joins().TotalCount()+gone >= int64(r.plan.Connections)
	})
	r.rush = r.clients.nextPhase()
	if err != nil {
		return err
	}
	now, err := r.sampler.scrape(r.ctx)
	r.rushed = now.Since(metrics)
	return err
}

// moveEntries moves a tenth of the devices to the next event at intervals of
// plan.Over, until the steady phase ends.
func (r *run) moveEntries() error {
	if !r.stack.Own() {
		return errors.New("the scenario roster needs its own servers, because it changes the roster")
	}
	moves, slowest := 0, time.Duration(0)
	event := make([]int, r.plan.Devices)
	for i := range event {
		event[i] = i * r.plan.Events / r.plan.Devices
	}
	for ; time.Now().Add(r.plan.Over).Before(r.ends); moves++ {
		var changed []stack.Entry
		for i := moves % 10; i < len(event); i += 10 {
			event[i] = (event[i] + 1) % r.plan.Events
			name := publish.Name(scenario.DevicePrefix, i)
			changed = append(changed, stack.Entry{Event: scenario.EventName(event[i]), Entry: name, Device: name})
		}
		start := time.Now()
		if err := r.stack.Import(r.ctx, changed); err != nil {
			return err
		}
		slowest = max(slowest, time.Since(start))
		if err := pause.For(r.ctx, r.plan.Over); err != nil {
			return err
		}
	}
	r.out.Notes = append(r.out.Notes, fmt.Sprintf("a tenth of the devices changed their event, %s; the slowest import took %v",
		report.Count(moves, "time"), slowest.Round(time.Millisecond)))
	return nil
}
