package db

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pitwall/engine/internal/testenv"
)

var allFiles = []string{"0001_tables.sql", "0002_positions_faulty.sql", "0003_notify.sql", "0004_access.sql", "0005_clocks_extras.sql",
	"0006_notify_changes.sql", "0007_roster_changes.sql", "0008_links.sql"}

func TestMigrateAnEmptyDatabase(t *testing.T) {
	empty := func(t *testing.T, d Database) {
		err := d.CheckSchema(t.Context())
		if err == nil {
			t.Fatal("an empty database passes the check")
		}
		for _, want := range []string{"pitwall migrate", "table events", "table entry_devices", "table positions"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the check does not name %q: %v", want, err)
			}
		}
		if diff := cmp.Diff(make([]bool, len(allFiles)), states(t, d)); diff != "" {
			t.Errorf("status before (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(make([]bool, len(allFiles)), states(t, d)); diff != "" {
			t.Errorf("status changed something (-want +got):\n%s", diff)
		}
		applied, err := d.Migrate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(allFiles, applied); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
		if err := d.CheckSchema(t.Context()); err != nil {
			t.Errorf("after migrating: %v", err)
		}
		if diff := cmp.Diff(slices.Repeat([]bool{true}, len(allFiles)), states(t, d)); diff != "" {
			t.Errorf("status after (-want +got):\n%s", diff)
		}
		if applied, err = d.Migrate(t.Context()); err != nil || len(applied) > 0 {
			t.Errorf("a second time: %v, %v", applied, err)
		}
	}
	t.Run("postgres", func(t *testing.T) { empty(t, openDatabase(t, Options{URL: testenv.NewDatabase(t), Logger: discard})) })
	t.Run("sqlite", func(t *testing.T) { empty(t, openDatabase(t, Options{DataDir: t.TempDir(), Logger: discard})) })
}

// states returns which migrations are applied, in order.
func states(t *testing.T, d Database) []bool {
	t.Helper()
	list, err := d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []bool
	for i, m := range list {
		if m.Version != int64(i+1) || m.Name != allFiles[i] || m.At.IsZero() == m.Applied {
			t.Errorf("migration %d: %+v", i+1, m)
		}
		out = append(out, m.Applied)
	}
	return out
}

func TestConcurrentMigrate(t *testing.T) {
	together := func(t *testing.T, o Options) {
		const starters = 3
		var wg sync.WaitGroup
		var applied [starters][]string
		var errs [starters]error
		for i := range starters {
			d := openDatabase(t, o)
			wg.Go(func() { applied[i], errs[i] = d.Migrate(t.Context()) })
		}
		wg.Wait()
		total := 0
		for i := range starters {
			if errs[i] != nil {
				t.Errorf("starter %d: %v", i, errs[i])
			}
			total += len(applied[i])
		}
		if total < len(allFiles) {
			t.Errorf("%d migrations applied by all, want %d", total, len(allFiles))
		}
		if err := openDatabase(t, o).CheckSchema(t.Context()); err != nil {
			t.Error(err)
		}
	}
	t.Run("postgres", func(t *testing.T) { together(t, Options{URL: testenv.NewDatabase(t), Logger: discard}) })
	t.Run("sqlite", func(t *testing.T) { together(t, Options{DataDir: t.TempDir(), Logger: discard}) })
}
