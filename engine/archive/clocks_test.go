package archive

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"testing"

	"pitwall/engine/internal/db"
	"pitwall/shard"
)

// failingClockStore fails the first writes of clocks.
type failingClockStore struct {
	db.Database
	refuse atomic.Int64
}

func (f *failingClockStore) SaveClocks(ctx context.Context, list []shard.Clock) error {
	if f.refuse.Add(-1) >= 0 {
		return errors.New("no")
	}
	return f.Database.SaveClocks(ctx, list)
}

// Clock changes are written to the database in the order in which they were found,
// after failed attempts too, and at the latest when the process ends.
func TestClocksAreKept(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		store := &failingClockStore{Database: r.db}
		store.refuse.Store(3)
		c := NewClocks(store, r.slog(), r.set)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()

		const since = 1_700_000_000_000
		fell := shard.Clock{Device: "a", Since: since, Offset: -3_600_000}
		c.Note(fell)
		c.Note(shard.Clock{Device: "b", Since: since, Offset: -7_200_000})
		c.Note(shard.Clock{Device: "b", Since: since + 60_000}) // right again
		known := func() []shard.Clock {
			list, err := r.db.Clocks(t.Context(), []string{"a", "b", "c"})
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		r.eventually("the clock of a is kept", func() bool { return reflect.DeepEqual(known(), []shard.Clock{fell}) })
		r.wantMetric("processor_live_clock_changes_total", 3)
		r.wantMetric("processor_live_clock_save_failures_total", 3)

		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		last := shard.Clock{Device: "c", Since: since, Offset: -3_600_000}
		c.Note(last)
		if err := c.Run(ctx); err != nil { // ctx has ended: it only writes what is left
			t.Errorf("Run: %v", err)
		}
		if got := known(); !reflect.DeepEqual(got, []shard.Clock{fell, last}) {
			t.Errorf("the database has %v", got)
		}
	})
}

// While the database is unreachable, only the last changes of each device wait.
func TestClockChangesThatWaitAreBounded(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		store := &failingClockStore{Database: r.db}
		store.refuse.Store(1)
		c := NewClocks(store, r.slog(), r.set)
		for i := range int64(100) {
			c.Note(shard.Clock{Device: "a", Since: i, Offset: -3_600_000 - 60_000*i})
		}
		if err := c.save(t.Context()); err == nil {
			t.Fatal("save succeeded although the store fails")
		}
		c.Note(shard.Clock{Device: "a", Since: 100, Offset: -60_000_000})
		if n := len(c.take()); n != maxClockChanges {
			t.Errorf("%d changes wait, want %d", n, maxClockChanges)
		}
	})
}
