package archive

import (
	"context"
	"errors"
	"sync"
	"time"

	"pitwall/engine/internal/pace"
)

// Archive writes the records of its streams to its store. The package documentation
// says what it guarantees.
type Archive struct {
	opt    Options
	meters meters
	months *monthKeeper

	acceptance acceptance
	held       map[string]*heldBack // by stream
	monitors   []*monitor           // one per stream
}

// New makes an Archive and registers its metrics. It starts no goroutine.
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

// Run archives until ctx ends. It is called once. It waits for servers that are
// unreachable, also at its start. After ctx has ended, each reader writes and
// acknowledges its current batch within FlushTimeout. The error names the streams
// for which that failed. Entries that were not acknowledged, or are held back, stay
// pending: the next start or another process writes them.
func (a *Archive) Run(ctx context.Context) error {
	flush, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var readers, others sync.WaitGroup
	errs := make([]error, len(a.opt.Streams))
	for i, m := range a.monitors {
		r := newReader(a, m.stream, m, m.log)
		readers.Go(func() { errs[i] = r.run(ctx, flush) })
		others.Go(func() { m.run(ctx, a.opt.ConsumerIdle) })
	}
	others.Go(func() { a.months.run(ctx) })
	others.Go(func() { a.limitFlush(ctx, flush, cancel) })
	readers.Wait()
	cancel(nil)
	others.Wait()
	return errors.Join(errs...)
}

// Ready returns nil, or why the process is not ready: a part of Options.Health has
// failed, the database refuses every row, or reading a stream has stopped because
// too much is held back. Any goroutine may call it.
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

// CheckDeadLetters reports to Options.Health whether the dead letters of each stream
// can be written, so that a fault is known before the first letter. Call it before
// Run.
func (a *Archive) CheckDeadLetters(ctx context.Context) {
	for _, m := range a.monitors {
		m.countLetters(ctx)
		m.checkLetterRights(ctx)
	}
}

// errFlushTimeout ends the writing of the last batches when it takes too long.
var errFlushTimeout = errors.New("the time to finish ran out")

// limitFlush cancels flush FlushTimeout after the end of ctx.
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
