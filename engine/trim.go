package engine

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/embedded"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/pace"
)

const (
	// simulatedAge is how long the embedded database keeps simulated positions.
	simulatedAge = time.Hour
	// trimEvery is how often the embedded database is trimmed.
	trimEvery = time.Minute
)

// startTrim starts keeping the embedded database within its limits, and says what they
// are.
func (e *Engine) startTrim(context.Context) error {
	t, ok := e.db.(db.Trimmer)
	if !ok {
		return nil
	}
	e.log.Info("the embedded database is bounded", "keeps", e.keeps())
	e.run("database trim", func(ctx context.Context) error {
		for {
			if err := e.trim(ctx, t, time.Now()); err != nil && ctx.Err() == nil {
				e.log.Warn("old positions could not be deleted from the embedded database; the next attempt follows", "error", err)
			}
			if pace.Sleep(ctx, trimEvery) != nil {
				return nil
			}
		}
	})
	return nil
}

// keeps describes the limits of the embedded database.
func (e *Engine) keeps() string {
	age, size := "positions of any age", "of any size"
	if n := e.cfg.DataMaxAgeDays; n > 0 {
		age = fmt.Sprintf("positions for %d days (DATA_MAX_AGE_DAYS)", n)
	}
	if n := e.cfg.DataMaxBytes; n > 0 {
		size = fmt.Sprintf("at most %d MiB, then the newest (DATA_MAX_BYTES)", n>>20)
	}
	return fmt.Sprintf("%s, %s; those of simulated devices for %v", age, size, simulatedAge)
}

// trim deletes what is too old or too much. A device counts as simulated if it has the
// name of one and is in no event but the demo.
func (e *Engine) trim(ctx context.Context, t db.Trimmer, now time.Time) error {
	roster, err := e.db.LoadRoster(ctx)
	if err != nil {
		return err
	}
	real := map[string]bool{}
	for _, p := range roster.Pairs {
		real[p.Device] = real[p.Device] || p.Event != embedded.DemoEvent
	}
	deleted, err := t.Trim(ctx, db.TrimRule{MaxBytes: e.cfg.DataMaxBytes, Before: func(device string) time.Time {
		switch {
		case embedded.IsSimulated(device) && !real[device]:
			return now.Add(-simulatedAge)
		case e.cfg.DataMaxAgeDays > 0:
			return now.AddDate(0, 0, -e.cfg.DataMaxAgeDays)
		}
		return time.Time{}
	}})
	if deleted > 0 {
		e.log.Debug("old positions were deleted from the embedded database", "positions", deleted)
	}
	return err
}
