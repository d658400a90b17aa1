package db

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// Everything works through a real PgBouncer in transaction mode that has fewer sessions
// than the pools have connections: nothing is prepared, and no session keeps state.
// LISTEN and migrations use the direct connection.
func TestThroughPgBouncer(t *testing.T) {
	direct := testenv.NewDatabase(t)
	pooled := testenv.PgBouncer(t, direct)
	d := migrated(t, Options{URL: pooled + "&pool_max_conns=8", DirectURL: direct, Logger: discard})
	ctx := t.Context()

	received := make(chan string, 1000)
	listening := make(chan struct{}, 1)
	listen, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- d.Listen(listen, []string{ChannelPositions}, func() { listening <- struct{}{} },
			func(_, device string) { received <- device })
	}()
	<-listening

	const writers, batches, size = 8, 10, 200
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for b := range batches {
				batch := make([]codec.Position, size)
				for i := range batch {
					batch[i] = full(fmt.Sprintf("d-%d-%d", w, i), epoch+int64(b))
				}
				again := change(batch[0], func(p *codec.Position) { p.Lat++ })
				for range 2 { // the second time all are duplicates
					if _, err := d.InsertPositions(ctx, batch); err != nil {
						t.Errorf("insert: %v", err)
						return
					}
				}
				if r, err := d.InsertPositions(ctx, []codec.Position{again}); err != nil || len(r.Conflicts) != 1 {
					t.Errorf("a conflict gives %+v, %v", r, err)
				}
				if _, err := d.MayWatch(ctx, "DELETE FROM pitwall_members WHERE user_id = $1 AND event_id = $2", "u", "e"); sqlState(err) != readOnlyTransaction {
					t.Errorf("an access query that deletes: %v, want SQLSTATE 25006", err)
				}
				if _, err := d.MayWatch(ctx, "", "u", "e"); err != nil {
					t.Errorf("ask who may watch: %v", err)
				}
				if err := d.LastPositions(ctx, []string{batch[0].DeviceID}, LiveRule{Tolerance: time.Hour}, func(l *Last) error {
					if l.Good == nil || l.Good.TS != epoch+int64(b) {
						t.Errorf("the last position is %+v, want that of %d", l.Good, epoch+int64(b))
					}
					return nil
				}); err != nil {
					t.Errorf("last positions: %v", err)
				}
			}
		})
	}
	all.Wait()
	pg := testenv.Postgres(t)
	if got, want := pg.Query(direct, "SELECT count(*) FROM positions"), fmt.Sprint(writers*batches*size); got != want {
		t.Errorf("%s rows, want %s", got, want)
	}
	importRows(t, d, false, RosterRow{2, "E1", "n1", "d1"})
	if r := roster(t, d); len(r.Pairs) != 1 {
		t.Errorf("roster %+v, want one pair", r)
	}
	pg.Query(direct, "UPDATE positions SET faulty = true WHERE device_id = 'd-3-7'")
	if device := <-received; device != "d-3-7" {
		t.Errorf("a notification of %q arrived, want d-3-7", device)
	}
	cancel()
	<-ended
}
