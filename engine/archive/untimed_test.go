package archive

import (
	"fmt"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// A server whose clock stands still gives all entries the same millisecond and only
// increments the sequence number. Records without a time still get different times, also
// those that were dead letters first.
func TestRecordsWithoutATimeInOneMillisecond(t *testing.T) {
	for name, url := range map[string]func() string{
		"PostgreSQL": func() string { return migratedURL(t) },
		"SQLite":     func() string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			server := testenv.Redis(t)
			r := newRig(t, server.URL(), url())
			const count, letters = 300, 3
			ms := time.Now().UnixMilli()
			for n := range count {
				record := []string{"XADD", stream, fmt.Sprintf("%d-%d", ms, n), "device_id", "d-000000", "lat", "46", "lon", fmt.Sprint(n % 180)}
				if n%2 == 0 {
					record = append(record, "ts", "")
				}
				server.Do(record...)
			}
			stop := r.run(r.newArchive(nil))
			r.eventually("all rows", func() bool { return r.metric("processor_archive_rows_total") == count })
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			r.wantMetric("processor_archive_conflicts_total", 0)
			r.wantMetric("processor_archive_dead_total", 0)
			if r.pgURL != "" {
				got := testenv.Postgres(t).Query(r.pgURL, "SELECT count(*), round(1000 * extract(epoch FROM min(ts))), round(1000 * extract(epoch FROM max(ts))), count(DISTINCT received_at) FROM positions")
				if want := fmt.Sprintf("%d|%d|%d|1", count, ms, ms+count-1); got != want {
					t.Errorf("rows, first and last time, arrivals: %s, want %s", got, want)
				}
			}

			ms++
			stop = r.run(r.newArchive(func(o *Options) { o.Limits.MinTS = time.Now().Add(time.Hour).UnixMilli() }))
			for n := range letters {
				server.Do("XADD", stream, fmt.Sprintf("%d-%d", ms+count, n), "device_id", "d-000001", "lat", "46", "lon", fmt.Sprint(n), "ts", "")
			}
			r.eventually("the letters", func() bool { return len(r.listLetters()) == letters })
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			for _, l := range r.listLetters() {
				if _, err := l.Replay(t.Context(), r.client); err != nil {
					t.Fatal(err)
				}
			}
			r.run(r.newArchive(nil))
			r.eventually("the rows of the letters", func() bool { return r.metric("processor_archive_rows_total") == count+letters })
			r.wantMetric("processor_archive_conflicts_total", 0)
			for _, p := range r.rows(2) {
				if p.DeviceID == "d-000001" && p.TS != ms+count+letters-1 {
					t.Errorf("the letter that was replayed last has time %d, want that of its first id, %d", p.TS, ms+count+letters-1)
				}
			}
		})
	}
}
