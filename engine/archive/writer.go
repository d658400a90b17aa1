package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// writer brings batches to where they are kept. One goroutine uses it; it
// inserts the parts of a batch at the same time and waits for them.
type writer struct {
	client  *redis.Client
	store   Store
	log     *slog.Logger
	stream  string
	deadKey string
	maxDead int64
	timeout time.Duration // of one insert
	months  *partitions
	meters  *meters
	health  *health

	mu    sync.Mutex // guards fault
	fault pace.Quiet // inserts that failed
	dead  pace.Quiet // batches with dead letters
	old   pace.Quiet // batches with expired positions
}

func newWriter(a *Archive, stream string, log *slog.Logger) *writer {
	return &writer{
		client:  a.opt.Client,
		store:   a.opt.Store,
		log:     log,
		stream:  stream,
		deadKey: a.opt.Client.DeadKey(stream),
		maxDead: a.opt.DeadMaxLen,
		timeout: a.opt.InsertTimeout,
		months:  a.months,
		meters:  &a.meters,
		health:  &a.health,
		fault:   pace.Quiet{Every: pace.FaultEvery},
		dead:    pace.Quiet{Every: pace.FaultEvery},
		old:     pace.Quiet{Every: pace.FaultEvery},
	}
}

// all inserts the positions, writes the dead letters, and then acknowledges
// every entry of the batch: in this order, so that whatever interrupts it
// leaves entries pending that are kept nowhere, never the reverse. It waits
// for the database without end, until ctx ends. After an error the batch is
// read again from what pends.
func (w *writer) all(ctx context.Context, b *batch) error {
	if err := w.insert(ctx, b); err != nil {
		return err
	}
	b.buryRefused()
	if err := w.bury(ctx, b); err != nil {
		return err
	}
	_, err := w.client.Ack(ctx, w.stream, Group, b.ids)
	if err == nil {
		w.expired(b.expired)
	}
	return err
}

// expired takes note of positions that were acknowledged and left out.
func (w *writer) expired(n int) {
	if n == 0 {
		return
	}
	w.meters.expired.Add(n)
	if batches, ok := w.old.Tell(time.Now()); ok {
		w.log.Info("positions older than ARCHIVE_RETENTION_MONTHS were left out", "positions", n, "batches", batches)
	}
}

// rows inserts the positions from lo to hi of a part. When the database does
// not take them for their content, it halves them until the guilty ones stand
// alone: at most two statements for each position.
func (w *writer) rows(ctx context.Context, p *part, lo, hi int) error {
	if lo == hi {
		return nil
	}
	result, err := w.offer(ctx, p.positions[lo:hi])
	switch {
	case err == nil:
		for _, i := range result.Conflicts {
			p.conflict(lo + i)
		}
		return nil
	case !db.IsContent(err):
		return err
	case hi-lo == 1:
		w.meters.refused.Inc()
		p.refuse(lo, reasonRefused, err.Error())
		return nil
	}
	mid := lo + (hi-lo)/2
	if err := w.rows(ctx, p, lo, mid); err != nil {
		return err
	}
	return w.rows(ctx, p, mid, hi)
}

// offer offers positions to the store until it takes them or says that it will
// not for what they hold. Months that lack are made. Everything else may pass:
// it is waited for without end, until ctx ends.
func (w *writer) offer(ctx context.Context, positions []codec.Position) (db.InsertResult, error) {
	var pause pace.Backoff
	for made := false; ; {
		begin := time.Now()
		limited, cancel := context.WithTimeout(ctx, w.timeout)
		result, err := w.store.InsertPositions(limited, positions)
		cancel()
		if err == nil {
			w.health.wrote()
			w.meters.inserted(result, time.Since(begin))
			return result, nil
		}
		if db.IsContent(err) {
			return db.InsertResult{}, err
		}
		if !made && db.LacksPartition(err) { // once between pauses: it may be something else
			lacking := w.makeMonths(ctx, positions)
			if made = lacking == nil; made {
				continue
			}
			err = errors.Join(err, lacking)
		}
		if errors.Is(err, errExpired) {
			return db.InsertResult{}, err
		}
		made = false
		w.failed(err, len(positions))
		if stopped := pace.Sleep(ctx, pause.Delay()); stopped != nil {
			return db.InsertResult{}, fmt.Errorf("insert %d positions: %w: %w", len(positions), stopped, err)
		}
	}
}

// makeMonths makes the months of positions, within the time of an insert.
func (w *writer) makeMonths(ctx context.Context, positions []codec.Position) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	return w.months.wanted(ctx, positions)
}

// failed takes note of an insert that will be tried again.
func (w *writer) failed(err error, rows int) {
	now := time.Now()
	w.meters.failures.Inc()
	w.health.failed(now)
	w.mu.Lock()
	n, ok := w.fault.Tell(now)
	w.mu.Unlock()
	if ok {
		w.log.Warn("positions could not be written, trying again; the stream keeps them", "err", err, "rows", rows, "times", n)
	}
}

// bury writes the dead letters and acknowledges their entries.
func (w *writer) bury(ctx context.Context, b *batch) error {
	if len(b.dead) == 0 {
		return nil
	}
	if err := w.client.Bury(ctx, w.deadKey, w.maxDead, w.stream, Group, b.dead); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	w.meters.dead.Add(len(b.dead))
	if n, ok := w.dead.Tell(time.Now()); ok {
		last := b.dead[len(b.dead)-1].Fields
		w.log.Warn("records went to the dead letters instead of the table", "dead", w.deadKey,
			"batches", n, "last_id", last[7], "reason", last[1], "error", last[3])
	}
	return nil
}
