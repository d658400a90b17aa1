package engine

import (
	"context"
	"fmt"
	"strconv"

	"pitwall/engine/embedded"
	"pitwall/engine/internal/db"
)

// startSimulator starts the simulated devices. They publish with XADD, as any
// publisher does.
func (e *Engine) startSimulator(context.Context) error {
	if e.cfg.Simulate == 0 {
		return nil
	}
	s, err := e.simulator()
	if err == nil {
		e.log.Info("the demo sends about one record in "+strconv.Itoa(embedded.BrokenEvery)+" that is broken on purpose: it becomes a dead letter (pitwall dead list)", "devices", e.cfg.Simulate, "event", embedded.DemoEvent)
		e.run("simulator", s.Run)
	}
	return err
}

func (e *Engine) simulator() (*embedded.Simulator, error) {
	return embedded.NewSimulator(embedded.Options{
		Devices: e.cfg.Simulate, Publisher: e.redis, Streams: e.cfg.StreamKeys(), Seed: 1, Logger: e.log,
	})
}

// importDemo adds the simulator's event to the roster.
func (e *Engine) importDemo(ctx context.Context) error {
	if e.cfg.Simulate == 0 {
		return nil
	}
	s, err := e.simulator()
	if err != nil {
		return err
	}
	var rows []db.RosterRow
	for i, r := range s.Roster() {
		rows = append(rows, db.RosterRow{Line: i + 1, EventID: r.Event, EntryID: r.Entry, DeviceID: r.Device})
	}
	if _, err := e.db.ImportRoster(ctx, rows, false); err != nil {
		return fmt.Errorf("add the simulated devices to the roster (SIMULATE): %w", err)
	}
	return nil
}
