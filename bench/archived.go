package main

import (
	"fmt"
	"time"

	"pitwall/bench/report"
)

// archived waits until the table has everything that was published.
func (r *run) archived(stopped time.Time) (time.Duration, error) {
	sent := r.publisher.Sent()
	for {
		m, err := r.sampler.scrape(r.ctx)
		if err != nil {
			return 0, err
		}
		done := m.Sum("processor_archive_rows_total") + m.Sum("processor_archive_duplicates_total") +
			m.Sum("processor_archive_conflicts_total") + m.Sum("processor_archive_lost_total")
		took := time.Since(stopped)
		if int64(done) >= sent || took > tailWithin+r.plan.Duration {
			rows, size, err := r.site.Rows()
			r.bytesPerRow = float64(size) / float64(rows)
			if err == nil && rows != sent {
				r.out.Notes = append(r.out.Notes, fmt.Sprintf("the table has %s of %s", report.Count(rows, "row"), report.Count(sent, "record")))
			}
			return took, err
		}
		if err := pause(r.ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
}
