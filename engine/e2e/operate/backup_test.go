package operate

import (
	"fmt"
	"path/filepath"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// The database is restored from a backup that was made while an engine wrote. Without
// its consumer group the archive reads the streams from their beginning, so that the rows
// since the backup come back, and no row is there twice.
func TestBackupAndRestore(t *testing.T) {
	const devices, each = 3, 20
	s := e2etest.NewStack(t, devices)
	e := s.Start()
	publish := func(from int) {
		for i := range each {
			for d := range devices {
				s.Add("device_id", e2etest.Device(d), "ts", fmt.Sprint(1_700_000_000_000+1000*(from+i)), "lat", "47.25", "lon", "8.5")
			}
		}
	}
	wantRows := func(n int) {
		t.Helper()
		s.Eventually("all is archived", func() bool {
			return s.Number("SELECT count(*) FROM positions") == n && e2etest.Drained(s.Redis, e2etest.Stream)
		})
	}
	publish(0)
	wantRows(devices * each)
	backup := filepath.Join(s.PG.SocketDir(), "pitwall.dump")
	s.PG.Program("pg_dump", "--format=custom", "--file="+backup, s.URL)
	publish(each)
	wantRows(2 * devices * each)
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}

	s.URL = testenv.NewDatabase(t)
	s.DatabaseURL = s.URL
	s.PG.Program("pg_restore", "--exit-on-error", "--dbname="+s.URL, backup)
	if n := s.Number("SELECT count(*) FROM positions"); n != devices*each {
		t.Fatalf("the backup has %d rows, want %d", n, devices*each)
	}
	s.Redis.Do("XGROUP", "DESTROY", e2etest.Stream, e2etest.Group)
	e = s.Start()
	wantRows(2 * devices * each)

	// The triggers came with the backup.
	s.SQL(fmt.Sprintf("UPDATE positions SET faulty = true WHERE device_id = '%s' AND ts = (SELECT max(ts) FROM positions)", e2etest.Device(0)))
	e.WantMetric(t, "processor_live_corrected_devices_total", 1)
}

// While instances are updated one by one, those of the earlier version run, and even
// start, on a database that the later version has migrated.
func TestDatabaseOfALaterVersion(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	s.SQL(`INSERT INTO pitwall_schema (version_id, is_applied) VALUES (9999, true);
		ALTER TABLE positions ADD COLUMN later text;
		CREATE TABLE pitwall_later (id text)`)
	s.Start("--migrate")
	s.Add("device_id", e2etest.Device(0), "lat", "47.25", "lon", "8.5")
	s.Eventually("the position is archived", func() bool { return s.Number("SELECT count(*) FROM positions") == 1 })
}
