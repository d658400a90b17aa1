package db

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// discard is a logger for tests that do not check the log.
var discard = slog.New(slog.DiscardHandler)

// conform runs fn on each kind of database, migrated and empty. Both must behave
// alike.
func conform(t *testing.T, fn func(t *testing.T, d Database)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		fn(t, openDatabase(t, Options{URL: migratedURL(t), Logger: discard}))
	})
	t.Run("sqlite", func(t *testing.T) {
		fn(t, openDatabase(t, Options{DataDir: migratedDir(t), Logger: discard}))
	})
}

// conformPositions is conform, and also runs fn with a partitioned table that has a
// partition boundary shortly after epoch.
func conformPositions(t *testing.T, fn func(t *testing.T, d Database)) {
	t.Helper()
	conform(t, fn)
	t.Run("postgres, partitions", func(t *testing.T) {
		url := monthlyURL(t)
		d, pg := byMonth(t, Options{URL: url, Logger: discard})
		pg.Query(url, fmt.Sprintf("CREATE TABLE until PARTITION OF positions FOR VALUES FROM ('2025-05-20T00:00:00Z') TO ('%s')",
			time.UnixMilli(epoch+1).UTC().Format(time.RFC3339Nano)))
		makeMonths(t, d, "2000-01", "2025-06", "2025-07")
		fn(t, d)
	})
}

// openDatabase opens a database and closes it at the end of the test.
func openDatabase(t testing.TB, o Options) Database {
	t.Helper()
	d, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// migratedURL returns the URL of a database that is migrated and empty. It costs less
// than to migrate a new one.
func migratedURL(t testing.TB) string {
	t.Helper()
	return testenv.CopyDatabase(t, "migrated", func(url string) {
		migrateAndClose(t, Options{URL: url, Logger: discard})
	})
}

// monthlyURL is migratedURL with a partitioned table that has no months.
func monthlyURL(t testing.TB) string {
	t.Helper()
	return testenv.CopyDatabase(t, "monthly", func(url string) {
		o := Options{URL: url, Logger: discard}
		migrateAndClose(t, o)
		d, err := Open(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if done, err := d.EnablePartitions(context.Background()); err != nil || !done {
			t.Fatalf("enable: %v, %v", done, err)
		}
	})
}

// migratedDir is migratedURL for SQLite.
func migratedDir(t testing.TB) string {
	t.Helper()
	return testenv.CopiedFolder(t, "migrated", func(dir string) {
		migrateAndClose(t, Options{DataDir: dir, Logger: discard})
	})
}

func migrateAndClose(t testing.TB, o Options) {
	t.Helper()
	d, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// migrated migrates a database. Tests that need only the result take migratedURL.
func migrated(t testing.TB, o Options) Database {
	t.Helper()
	d := openDatabase(t, o)
	if _, err := d.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d
}

// full is a position with every field.
func full(device string, ts int64) codec.Position {
	return codec.Position{
		DeviceID: device, TS: ts, Arrival: ts + 250, Lat: 46.123456789012345, Lon: -7.1, Alt: 1203.5, Speed: 33.333333333333336,
		Course: 271, Sats: 9, Priority: 1, Codec: "8E",
		Has:        codec.HasAlt | codec.HasSpeed | codec.HasCourse | codec.HasSats | codec.HasPriority,
		Attributes: `{ "b":1.0,"a":"é\u00e9 \"x\"", "a":{"__bigint":"12"} }`,
	}
}

// bare is a position with only the required fields.
func bare(device string, ts int64) codec.Position {
	return codec.Position{DeviceID: device, TS: ts, Arrival: ts, Lat: 1, Lon: 2}
}

// epoch is a time in tests, in ms: 2025-06-01T10:00:00Z.
const epoch = int64(1748772000000)
