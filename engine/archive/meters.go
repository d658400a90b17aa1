package archive

import (
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/db"
)

// meters are the metrics of the archive. All are registered at the start, so that
// each is shown as 0 before its first event.
type meters struct {
	set *metrics.Set

	rows       *metrics.Counter // new in the table
	duplicates *metrics.Counter // already in the table
	extras     *metrics.Counter // added attributes to a row
	conflicts  *metrics.Counter // another position has their key
	dead       *metrics.Counter // dead letters written, repeats included
	refused    *metrics.Counter // rows that the database refused
	lost       *metrics.Counter // trimmed before they were archived
	claimed    *metrics.Counter // taken over from other consumers
	failures   *metrics.Counter // failed inserts
	readErrors *metrics.Counter // failed sessions of a stream
	groupsLost *metrics.Counter // lost groups that were created again
	expired    *metrics.Counter // too old for the table, acknowledged

	partitionsMade     *metrics.Counter
	partitionsDetached *metrics.Counter
	partitionFailures  *metrics.Counter // failed passes over the months

	duration *metrics.PrometheusHistogram
	perBatch *metrics.PrometheusHistogram
}

func newMeters(set *metrics.Set) meters {
	return meters{
		set:        set,
		rows:       set.GetOrCreateCounter("processor_archive_rows_total"),
		duplicates: set.GetOrCreateCounter("processor_archive_duplicates_total"),
		extras:     set.GetOrCreateCounter("processor_archive_extras_total"),
		conflicts:  set.GetOrCreateCounter("processor_archive_conflicts_total"),
		dead:       set.GetOrCreateCounter("processor_archive_dead_total"),
		refused:    set.GetOrCreateCounter("processor_archive_refused_total"),
		lost:       set.GetOrCreateCounter("processor_archive_lost_total"),
		claimed:    set.GetOrCreateCounter("processor_archive_claimed_total"),
		failures:   set.GetOrCreateCounter("processor_archive_failures_total"),
		readErrors: set.GetOrCreateCounter("processor_archive_read_errors_total"),
		groupsLost: set.GetOrCreateCounter("processor_archive_groups_lost_total"),
		expired:    set.GetOrCreateCounter("processor_archive_expired_total"),

		partitionsMade:     set.GetOrCreateCounter("processor_archive_partitions_made_total"),
		partitionsDetached: set.GetOrCreateCounter("processor_archive_partitions_detached_total"),
		partitionFailures:  set.GetOrCreateCounter("processor_archive_partition_failures_total"),

		duration: set.GetOrCreatePrometheusHistogram("processor_archive_insert_duration_seconds"),
		perBatch: set.GetOrCreatePrometheusHistogramExt("processor_archive_batch_rows",
			[]float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}),
	}
}

// inserted counts a committed insert.
func (m *meters) inserted(r db.InsertResult, took time.Duration) {
	m.rows.Add(r.Inserted)
	m.duplicates.Add(r.Duplicates)
	m.extras.Add(r.Extras)
	m.conflicts.Add(len(r.Conflicts))
	m.duration.Update(took.Seconds())
	m.perBatch.Update(float64(r.Inserted + r.Extras + r.Duplicates + len(r.Conflicts)))
}

// gauge returns a gauge of a stream.
func (m *meters) gauge(name, stream string) *metrics.Gauge {
	return m.set.GetOrCreateGauge(fmt.Sprintf("processor_archive_%s{stream=%q}", name, stream), nil)
}
