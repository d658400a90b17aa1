package eventmap

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// recordingDatabase records the readings of the roster from a real database, and the
// events that the Map swapped in.
type recordingDatabase struct {
	db.Database

	mu     sync.Mutex
	loads  []span
	events []string // of the current roster
}

// span is one reading of the roster.
type span struct{ begin, end time.Time }

func (w *recordingDatabase) LoadRoster(ctx context.Context) (shard.Roster, error) {
	begin := time.Now()
	r, err := w.Database.LoadRoster(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loads = append(w.loads, span{begin, time.Now()})
	return r, err
}

func (w *recordingDatabase) Swap(_ context.Context, r shard.Roster) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = r.Events
	return nil
}

// waitForEvent waits until an event is in the map.
func (w *recordingDatabase) waitForEvent(t *testing.T, event string) {
	t.Helper()
	testenv.Eventually(t, 30*time.Second, event+" in the map", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Contains(w.events, event)
	})
}

// readings lists the readings of the roster so far.
func (w *recordingDatabase) readings() []span {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.loads)
}

// onPostgres runs a Map, whose interval is an hour, on a roster of many devices. It
// returns after the first refresh, when the Map listens.
func onPostgres(t *testing.T) (w *recordingDatabase, pg *testenv.PostgresServer, url string) {
	t.Helper()
	pg, url = testenv.Postgres(t), testenv.NewDatabase(t)
	quiet := slog.New(slog.DiscardHandler)
	store, err := db.Open(t.Context(), db.Options{URL: url, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	pg.Query(url, `INSERT INTO events VALUES ('first');
		INSERT INTO entries SELECT n, 'first' FROM generate_series(1, 20000) n;
		INSERT INTO entry_devices SELECT n, n FROM generate_series(1, 20000) n`)
	w = &recordingDatabase{Database: store}
	m := New(Options{Source: w, Notifier: store, Target: w, Every: time.Hour, Logger: quiet, Metrics: metrics.NewSet()})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	w.waitForEvent(t, "first")
	return w, pg, url
}

// Updates that change nothing cause no refresh. A change after them causes one.
func TestUpdatesThatChangeNothingCauseNoRefresh(t *testing.T) {
	w, pg, url := onPostgres(t)
	before := len(w.readings())
	for range 20 {
		pg.Query(url, "UPDATE events SET id = id")
		pg.Query(url, "INSERT INTO entries VALUES ('1', 'first') ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id")
	}
	pg.Query(url, "INSERT INTO events VALUES ('second')")
	w.waitForEvent(t, "second")
	if n := len(w.readings()) - before; n != 1 {
		t.Errorf("%d refreshes, want the one for the change", n)
	}
}

// When changes are frequent, refreshes keep their gap, so that the database and the
// engine have time for other work. The last change is seen, too.
func TestManyChangesAreReadWithGaps(t *testing.T) {
	w, pg, url := onPostgres(t)
	before, last := len(w.readings()), ""
	for i := 0; len(w.readings()) < before+3; i++ {
		last = fmt.Sprint("flood", i)
		pg.Query(url, fmt.Sprintf("INSERT INTO events VALUES ('%s')", last))
	}
	w.waitForEvent(t, last)
	loads := w.readings()[before-1:]
	for i := 1; i < len(loads); i++ {
		took, rest := loads[i-1].end.Sub(loads[i-1].begin), loads[i].begin.Sub(loads[i-1].end)
		if want := min(gapFactor*took, maxGap); rest < want {
			t.Errorf("refresh %d began %v after the end of one that took %v, want at least %v", i, rest, took, want)
		}
	}
}
