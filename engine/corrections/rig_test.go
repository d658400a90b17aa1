package corrections

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

const patience = 30 * time.Second

// rig is a database with the parts from which a test makes its correctors.
type rig struct {
	t     *testing.T
	db    db.Database
	pgURL string // "" on SQLite
	set   *metrics.Set
}

func newRig(t *testing.T, pgURL string) *rig {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: pgURL, DataDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, db: d, pgURL: pgURL, set: metrics.NewSet()}
}

// newPartitionedRig has a partitioned table with the months of yesterday and after.
func newPartitionedRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, testenv.NewDatabase(t))
	if done, err := r.db.EnablePartitions(t.Context()); err != nil || !done {
		t.Fatalf("enable partitions: %v, %v", done, err)
	}
	if _, err := r.db.MakePartitions(t.Context(), db.Months(time.Now().AddDate(0, 0, -1), 1)); err != nil {
		t.Fatal(err)
	}
	return r
}

// onPostgres runs fn with a single table and with a partitioned one.
func onPostgres(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Run("one table", func(t *testing.T) { fn(t, newRig(t, testenv.NewDatabase(t))) })
	t.Run("partitions", func(t *testing.T) { fn(t, newPartitionedRig(t)) })
}

func (r *rig) slog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (r *rig) eventually(what string, cond func() bool) {
	r.t.Helper()
	testenv.Eventually(r.t, patience, what, cond)
}

func (r *rig) wantMetric(name string, want uint64) {
	r.t.Helper()
	if got := r.set.GetOrCreateCounter(name).Get(); got != want {
		r.t.Errorf("%s is %d, want %d", name, got, want)
	}
}
