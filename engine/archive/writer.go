package archive

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pitwall/engine/internal/redis"
)

// writer brings batches to where they are kept. One goroutine uses it.
type writer struct {
	client  *redis.Client
	store   Store
	log     *slog.Logger
	stream  string
	maxDead int64
	timeout time.Duration // of one insert
	meters  *meters

	pause backoff
	fault quiet // inserts that failed
	dead  quiet // batches with dead letters
}

func newWriter(a *Archive, stream string, log *slog.Logger) *writer {
	return &writer{
		client:  a.opt.Client,
		store:   a.opt.Store,
		log:     log,
		stream:  stream,
		maxDead: a.opt.DeadMaxLen,
		timeout: a.opt.InsertTimeout,
		meters:  &a.meters,
		fault:   quiet{every: faultEvery},
		dead:    quiet{every: faultEvery},
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
	if err := w.bury(ctx, b); err != nil {
		return err
	}
	_, err := w.client.Ack(ctx, w.stream, Group, b.ids)
	return err
}

// insert offers the positions to the store until it takes them.
func (w *writer) insert(ctx context.Context, b *batch) error {
	for len(b.positions) > 0 {
		begin := time.Now()
		limited, cancel := context.WithTimeout(ctx, w.timeout)
		result, err := w.store.InsertPositions(limited, b.positions)
		cancel()
		if err == nil {
			w.pause.reset()
			w.meters.inserted(result, time.Since(begin))
			b.conflict(result.Conflicts)
			return nil
		}
		w.meters.failures.Inc()
		if n, ok := w.fault.tell(time.Now()); ok {
			w.log.Warn("positions could not be written, trying again; the stream keeps them", "err", err, "rows", len(b.positions), "times", n)
		}
		if stopped := sleep(ctx, w.pause.delay()); stopped != nil {
			return fmt.Errorf("insert %d positions: %w: %w", len(b.positions), stopped, err)
		}
	}
	return nil
}

// bury writes the dead letters.
func (w *writer) bury(ctx context.Context, b *batch) error {
	if len(b.dead) == 0 {
		return nil
	}
	if err := w.client.AddAll(ctx, w.stream+DeadSuffix, w.maxDead, b.dead); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	w.meters.dead.Add(len(b.dead))
	if n, ok := w.dead.tell(time.Now()); ok {
		last := b.dead[len(b.dead)-1]
		w.log.Warn("records went to the dead letters instead of the table", "dead", w.stream+DeadSuffix,
			"batches", n, "last_id", last[7], "reason", last[1], "error", last[3])
	}
	return nil
}
