package main

import (
	"errors"
	"fmt"
	"time"

	"pitwall/bench/internal/publish"
	"pitwall/bench/report"
	"pitwall/bench/stack"
)

// settle is how long a herd lets the steady phase run before it moves, so that
// a report shows the time before as well.
const settle = 2 * time.Second

// herd drops all connections, which come back evenly over Over; or has all
// come for the first time.
func herd(r *run) error {
	if err := pause(r.ctx, settle); err != nil {
		return err
	}
	before, err := r.fleet.tally()
	if err != nil {
		return err
	}
	moved, err := r.sampler.scrape(r.ctx)
	if err != nil {
		return err
	}
	r.fleet.forgetJoins()
	r.calm = r.fleet.nextPhase()
	if r.plan.StartLine {
		err = r.fleet.connect(r.plan.Connections, r.plan.Over)
	} else {
		err = r.fleet.drop(r.plan.Connections, r.plan.Over)
	}
	if err != nil {
		return err
	}
	_, err = r.fleet.await(r.ctx, r.plan.Over+joinWithin, "the herd to be back", func(t tally) bool {
		_, _, joins := r.fleet.hists()
		gone := t.counts.Refused + t.counts.Lost - before.counts.Refused - before.counts.Lost
		return joins.TotalCount()+gone >= int64(r.plan.Connections)
	})
	r.rush = r.fleet.nextPhase()
	if err != nil {
		return err
	}
	back, err := r.sampler.scrape(r.ctx)
	r.rushed = back.Since(moved)
	return err
}

// moveEntries moves a tenth of the devices to the next event, every Over, until
// the steady phase ends.
func moveEntries(r *run) error {
	if !r.site.Own() {
		return errors.New("the scenario roster needs a site of its own: it changes the roster")
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
			name := publish.Name(namePrefix, i)
			changed = append(changed, stack.Entry{Event: eventName(event[i]), Entry: name, Device: name})
		}
		start := time.Now()
		if err := r.site.Import(r.ctx, changed); err != nil {
			return err
		}
		slowest = max(slowest, time.Since(start))
		if err := pause(r.ctx, r.plan.Over); err != nil {
			return err
		}
	}
	r.out.Notes = append(r.out.Notes, fmt.Sprintf("a tenth of the devices changed event, %s; the slowest import took %v",
		report.Count(moves, "time"), slowest.Round(time.Millisecond)))
	return nil
}
