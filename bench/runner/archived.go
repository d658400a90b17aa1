package runner

import (
	"fmt"
	"time"

	"pitwall/bench/internal/pause"
	"pitwall/bench/report"
)

// archived waits until everything published is in the table, and returns how long
// that took after the end of the publishing.
func (r *run) archived(stopped time.Time) (took time.Duration, err error) {
	sent := r.publisher.Sent()
	_, err = pause.Until(r.ctx, 10*time.Millisecond, tailWithin+r.plan.Duration, func() (bool, error) {
		m, err := r.sampler.scrape(r.ctx)
		took = time.Since(stopped)
		done := m.Sum("processor_archive_rows_total") + m.Sum("processor_archive_duplicates_total") +
			m.Sum("processor_archive_extras_total") + m.Sum("processor_archive_conflicts_total") + m.Sum("processor_archive_lost_total")
		return int64(done) >= sent, err
	})
	if err != nil {
		return took, err
	}
	rows, size, err := r.stack.Rows()
	if err == nil {
		r.bytesPerRow = float64(size) / float64(rows)
		r.compareRows(rows, sent)
	}
	return took, err
}

// compareRows reports rows that are missing from the table. They break a promise, except
// in a ramp: a ramp may raise the rate until records are trimmed before they are archived.
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
