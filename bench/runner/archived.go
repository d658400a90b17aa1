package runner

import (
	"fmt"
	"time"

	"pitwall/bench/internal/pause"
	"pitwall/bench/report"
)

// archived waits until the table has everything that was published, and
// returns how long that took.
func (r *run) archived(stopped time.Time) (time.Duration, error) {
	sent := r.publisher.Sent()
	for {
		m, err := r.sampler.scrape(r.ctx)
		if err != nil {
			return 0, err
		}
		done := m.Sum("processor_archive_rows_total") + m.Sum("processor_archive_duplicates_total") +
			m.Sum("processor_archive_extras_total") + m.Sum("processor_archive_conflicts_total") + m.Sum("processor_archive_lost_total")
		took := time.Since(stopped)
		if int64(done) >= sent || took > tailWithin+r.plan.Duration {
			rows, size, err := r.stack.Rows()
			r.bytesPerRow = float64(size) / float64(rows)
			if err == nil {
				r.compareRows(rows, sent)
			}
			return took, err
		}
		if err := pause.For(r.ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// compareRows says what the table lacks. That breaks the archive's promise,
// except in a ramp, which goes on until records are trimmed before they are
// archived.
func (r *run) compareRows(rows, sent int64) {
	if rows == sent {
		return
	}
	text := fmt.Sprintf("the table has %s of %s", report.Count(rows, "row"), report.Count(sent, "record"))
	if r.opt.Ramp != "" {
		r.out.Notes = append(r.out.Notes, text)
		return
	}
	r.out.Broken = append(r.out.Broken, text)
}
