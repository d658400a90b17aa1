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
	months *monthKeeper

	acceptance acceptance
	held       map[string]*heldBack // by stream
	monitors   []*monitor           // one per stream
}

// New makes an archive and registers its metrics. It starts nothing.
func New(o Options) *Archive {
	o = o.withDefaults()
	a := &Archive{opt: o, meters: newMeters(o.Metrics), held: map[string]*heldBack{}}
	for _, stream := range o.Streams {
		a.held[stream] = newHeldBack(stream, o.Client.DeadKey(stream), &a.meters)
	}
	a.months = newMonthKeeper(&a.opt, &a.meters)
	for _, stream := range o.Streams {
		a.monitors = append(a.monitors, newMonitor(a, stream, o.Logger.With("stream", stream, "group", Group)))
	}
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
	for i, w := range a.monitors {
		r := newReader(a, w.stream, w, w.log)
		readers.Go(func() { errs[i] = r.run(ctx, flush) })
		others.Go(func() { w.run(ctx, a.opt.ConsumerIdle) })
	}
	others.Go(func() { a.months.run(ctx) })
	others.Go(func() { a.limitFlush(ctx, flush, cancel) })
	readers.Wait()
	cancel(nil)
	others.Wait()
	return errors.Join(errs...)
}

// Ready returns nil, or which part of the process has failed, and why: also that
// the database refuses every row, or that what cannot be written keeps a stream
// from being read. Any goroutine may call it.
func (a *Archive) Ready() error {
	for _, stream := range a.opt.Streams {
		if err := a.held[stream].fault(); err != nil {
			return err
		}
	}
	if err := a.acceptance.fault(time.Now(), a.opt.ReadyFault); err != nil {
		return err
	}
	return a.opt.Health.Ready()
}

// Examine tries what a start should say at once: whether the dead letters of
// each stream can be written. Options.Health takes the answers. Call it before
// Run.
func (a *Archive) CheckDeadLetters(ctx context.Context) {
	for _, w := range a.monitors {
		w.countLetters(ctx)
		w.checkLetterRights(ctx)
	}
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
