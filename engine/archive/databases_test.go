package archive

import (
	"log/slog"
	"testing"
	"time"

	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// migratedURL returns the URL of a migrated database without rows.
func migratedURL(t testing.TB) string {
	t.Helper()
	return testenv.CopyDatabase(t, "migrated", func(url string) { migrate(t, db.Options{URL: url}) })
}

// partitionedURL is migratedURL with a partitioned table, which has the months of
// yesterday and after.
func partitionedURL(t testing.TB) string {
	t.Helper()
	return testenv.CopyDatabase(t, "partitioned", func(url string) {
		migrate(t, db.Options{URL: url})
		store, err := db.Open(t.Context(), db.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if done, err := store.EnablePartitions(t.Context()); err != nil || !done {
			t.Fatalf("enable partitions: %v, %v", done, err)
		}
		if _, err := store.MakePartitions(t.Context(), db.Months(time.Now().AddDate(0, 0, -1), 1)); err != nil {
			t.Fatal(err)
		}
	})
}

// migratedDir returns a folder with a migrated SQLite database.
func migratedDir(t testing.TB) string {
	t.Helper()
	return testenv.CopiedFolder(t, "migrated", func(dir string) { migrate(t, db.Options{DataDir: dir}) })
}

// migrate migrates a database, and returns its URL.
func migrate(t testing.TB, o db.Options) string {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	store, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o.URL
}
