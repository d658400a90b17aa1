package archive

import (
	"context"
	"errors"
	"sync"
	"time"

	"pitwall/engine/internal/pace"
)

// Archive writes what its streams carry to its store. See the package's
// documentation for what is promised.
type Archive struct {
	opt    Options
	meters meters
	health health
	months *partitions

	witness witness
	held    map[string]*held // by stream
}

// New makes an archive and registers its metrics. It starts nothing.
func New(o Options) *Archive {
	o = o.withDefaults()
	a := &Archive{opt: o, meters: newMeters(o.Metrics), health: health{faulty: o.ReadyFault, maxLag: o.ReadyLag}, held: map[string]*held{}}
	for _, stream := range o.Streams {
		a.held[stream] = newHeld(stream, o.Client.DeadKey(stream))
	}
	a.months = &partitions{table: o.Partitions, ahead: o.PartitionAhead, retention: o.Retention, now: time.Now, log: o.Logger, meters: &a.meters}
	return a
}

// Run archives until ctx ends, and is called once. It waits for servers that
// are away, also at its start. After ctx has ended each reader writes and
// acknowledges what it holds, within FlushTimeout; the error says where that
// did not succeed. What was not acknowledged, or is held back, stays pending and
// is written by the next start, or by another process.
func (a *Archive) Run(ctx context.Context) error {
	flush, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var readers, others sync.WaitGroup
	errs := make([]error, len(a.opt.Streams))
	watches := make([]*watch, len(a.opt.Streams))
	for i, stream := range a.opt.Streams {
		log := a.opt.Logger.With("stream", stream, "group", Group)
		watches[i] = newWatch(a, stream, log)
		r := newReader(a, stream, watches[i], log)
		readers.Go(func() { errs[i] = r.run(ctx, flush) })
	}
	others.Go(func() { a.oversee(ctx, watches) })
	others.Go(func() { a.months.run(ctx) })
	others.Go(func() { a.limitFlush(ctx, flush, cancel) })
	readers.Wait()
	cancel(nil)
	others.Wait()
	return errors.Join(errs...)
}

// Ready returns nil, or why /readyz should not say that all is well: inserts
// have failed for ReadyFault, or a table is more than ReadyLag behind, or what
// cannot be written keeps a stream from being read. Any goroutine may call it.
func (a *Archive) Ready() error {
	now := time.Now()
	for _, stream := range a.opt.Streams {
		if err := a.held[stream].fault(); err != nil {
			return err
		}
	}
	if err := a.witness.fault(now, a.opt.ReadyFault); err != nil {
		return err
	}
	return a.health.ready(now)
}

// errFlushTimeout ends the writing of the last batches.
var errFlushTimeout = errors.New("the time to finish ran out")

// limitFlush ends flush when FlushTimeout has passed since the end of ctx.
func (a *Archive) limitFlush(ctx, flush context.Context, cancel context.CancelCauseFunc) {
	select {
	case <-ctx.Done():
	case <-flush.Done():
		return
	}
	if pace.Sleep(flush, a.opt.FlushTimeout) == nil {
		cancel(errFlushTimeout)
	}
}
