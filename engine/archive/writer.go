package archive

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

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
	health  *condition
	watch   *watch

	witness *witness
	held    *held
	dose    *dose
	written map[redis.ID]bool // in the table, but their acknowledgement failed

	fault pace.LogLimiter // inserts that failed

	mu      sync.Mutex // guards tries
	tries   int        // how many refused rows are still looked for, while sparing
	sparing bool       // what was refused before is looked at again; set between inserts

	refusal   pace.LogLimiter // batches with rows that are held back
	unwritten pace.LogLimiter // dead letters that cannot be written
	dead      pace.LogLimiter // batches with dead letters
	old       pace.LogLimiter // batches with expired positions
}

func newWriter(a *Archive, stream string, w *watch, log *slog.Logger) *writer {
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
		health:  w.health,
		watch:   w,
		witness: &a.witness,
		held:    a.held[stream],
		dose:    newDose(a.opt.BatchSize),
		written: map[redis.ID]bool{},
	}
}

// all inserts the positions, writes the dead letters, and then acknowledges
// every entry of the batch that is not held back: in this order, so that
// whatever interrupts it leaves entries pending that are kept nowhere, never the
// reverse. It waits for the database without end, until ctx ends. After an error
// the batch is read again from what pends.
func (w *writer) all(ctx context.Context, b *batch) error {
	if err := w.insert(ctx, b); err != nil {
		return err
	}
	for i := range b.parts {
		if err := w.again(ctx, &b.parts[i]); err != nil {
			return err
		}
	}
	w.keepSuspects(b)
	b.buryRefused()
	err := w.bury(ctx, b)
	if err == nil {
		_, err = w.client.Ack(ctx, w.stream, Group, b.done())
	}
	if err != nil {
		w.keepWritten(b)
		return err
	}
	w.expired(b.expired)
	return nil
}

// keepWritten notes what is in the table although it may still pend: should it
// be trimmed now, it is not lost. It is forgotten with the next look at all that
// pends.
func (w *writer) keepWritten(b *batch) {
	for i := range b.parts {
		p := &b.parts[i]
		for n, at := range p.origins {
			w.written[p.ids[n]] = !b.kept[at]
		}
	}
	for _, at := range b.deadAt {
		delete(w.written, b.entries[at].ID)
	}
}

// expired takes note of positions that were acknowledged and left out.
func (w *writer) expired(n int) {
	if n == 0 {
		return
	}
	w.meters.expired.Add(n)
	if batches, ok := w.old.Allow(time.Now()); ok {
		w.log.Info("positions older than ARCHIVE_RETENTION_MONTHS were left out", "positions", n, "batches", batches)
	}
}

// keepSuspects holds back the entries whose rows the database does not take, for
// reasons that need not be theirs.
func (w *writer) keepSuspects(b *batch) {
	n, cause := 0, ""
	for i := range b.parts {
		p := &b.parts[i]
		for _, s := range p.suspects {
			w.keep(b, p.origins[s.at], s.first)
			n, cause = n+1, s.cause
		}
	}
	if n == 0 {
		return
	}
	w.meters.failures.Inc()
	w.held.rowsRefused(cause)
	if times, ok := w.refusal.Allow(time.Now()); ok {
		w.log.Warn("the database does not take rows, and no other was taken since that would show that it is their fault: they wait in the stream",
			"error", cause, "rows", n, "times", times)
	}
}

// keep holds an entry of the batch back.
func (w *writer) keep(b *batch, at int, refused uint64) {
	b.kept[at] = true
	w.held.keep(&b.entries[at], refused)
}

// failed takes note of an insert that will be tried again.
func (w *writer) failed(err error, rows int) {
	w.meters.failures.Inc()
	w.health.failed(err)
	if n, ok := w.fault.Allow(time.Now()); ok {
		w.log.Warn("positions could not be written, trying again; the stream keeps them", "error", err, "rows", rows, "times", n)
	}
}

// bury writes the dead letters and acknowledges their entries. Those that Redis
// refuses are held back.
func (w *writer) bury(ctx context.Context, b *batch) error {
	if len(b.dead) == 0 {
		return nil
	}
	err := w.client.Bury(ctx, w.deadKey, w.maxDead, w.stream, Group, b.dead)
	if redis.IsRefused(err) {
		w.lettersRefused(b, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	w.lettersWork()
	w.meters.dead.Add(len(b.dead))
	for i := range b.dead {
		if b.dead[i].Fields[1] == reasonRefused {
			w.meters.refused.Inc()
		}
	}
	if n, ok := w.dead.Allow(time.Now()); ok {
		last := b.dead[len(b.dead)-1].Fields
		w.log.Warn("records went to the dead letters instead of the table", "dead", w.deadKey,
			"batches", n, "last_id", last[7], "reason", last[1], "error", last[3])
	}
	w.watch.boundLetters(ctx)
	return nil
}

// lettersWork takes note that letters can be written, or that none waits.
func (w *writer) lettersWork() {
	w.health.buried.OK()
	if w.held.lettersFail(nil) {
		w.log.Info("dead letters can be written again", "dead", w.deadKey)
	}
}

// lettersRefused holds back the entries of letters that Redis does not take.
// Some of them may have been written.
func (w *writer) lettersRefused(b *batch, err error) {
	w.held.lettersFail(err)
	w.health.buried.Fault(fmt.Errorf("%d dead letters cannot be written to %s, their records wait: %w", len(b.dead), w.deadKey, err))
	for _, at := range b.deadAt {
		w.keep(b, at, 0)
	}
	if n, ok := w.unwritten.Allow(time.Now()); ok {
		w.log.Error("dead letters cannot be written: their records wait in the stream, those after them go on",
			"dead", w.deadKey, "letters", len(b.dead), "error", err, "times", n)
	}
}

// spareTries is how many rows are found refused in a look at what was refused
// before, until the rest is left for the next look.
const spareTries = 100

// spare begins a look at what was refused before, or ends it. Not between
// inserts of a batch.
func (w *writer) spare(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sparing, w.tries = on, spareTries
}

// slowTries is what a row counts for that takes too long alone.
const slowTries = 25

// spend takes note of a row that was found refused, or of one that counts for
// more.
func (w *writer) spend(tries int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries -= tries
}

// spent says that rows are not looked for one by one any more.
func (w *writer) spent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sparing && w.tries <= 0
}
