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
	client     *redis.Client
	store      Store
	log        *slog.Logger
	stream     string
	deadKey    string
	maxLetters int64
	timeout    time.Duration // of one insert
	months     *monthKeeper
	meters     *meters
	health     *streamHealth
	monitor    *monitor

	acceptance *acceptance
	held       *heldBack
	size       *insertSize
	written    map[redis.ID]bool // in the table, but their acknowledgement failed

	insertLog pace.LogLimiter // inserts that failed

	mu      sync.Mutex // guards tries
	budget  int        // how many refused rows are still looked for, while sparing
	limited bool       // what was refused before is looked at again; set between inserts

	refusalLog   pace.LogLimiter // batches with rows that are held back
	unwrittenLog pace.LogLimiter // dead letters that cannot be written
	letterLog    pace.LogLimiter // batches with dead letters
	expiredLog   pace.LogLimiter // batches with expired positions
}

func newWriter(a *Archive, stream string, w *monitor, log *slog.Logger) *writer {
	return &writer{
		client:     a.opt.Client,
		store:      a.opt.Store,
		log:        log,
		stream:     stream,
		deadKey:    a.opt.Client.DeadKey(stream),
		maxLetters: a.opt.DeadMaxLen,
		timeout:    a.opt.InsertTimeout,
		months:     a.months,
		meters:     &a.meters,
		health:     w.health,
		monitor:    w,
		acceptance: &a.acceptance,
		held:       a.held[stream],
		size:       newInsertSize(a.opt.BatchSize),
		written:    map[redis.ID]bool{},
	}
}

// all inserts the positions, writes the dead letters, and then acknowledges
// every entry of the batch that is not held back: in this order, so that
// whatever interrupts it leaves entries pending that are kept nowhere, never the
// reverse. It waits for the database without end, until ctx ends. After an error
// the batch is read again from what pends.
func (w *writer) archive(ctx context.Context, b *batch) error {
	if err := w.insertParts(ctx, b); err != nil {
		return err
	}
	for i := range b.parts {
		if err := w.retrySuspects(ctx, &b.parts[i]); err != nil {
			return err
		}
	}
	w.holdSuspects(b)
	b.addRefused()
	err := w.writeLetters(ctx, b)
	if err == nil {
		_, err = w.client.Ack(ctx, w.stream, Group, b.ackIDs())
	}
	if err != nil {
		w.rememberWritten(b)
		return err
	}
	w.countExpired(b.expired)
	return nil
}

// keepWritten notes what is in the table although it may still pend: should it
// be trimmed now, it is not lost. It is forgotten with the next look at all that
// pends.
func (w *writer) rememberWritten(b *batch) {
	for i := range b.parts {
		p := &b.parts[i]
		for n, at := range p.entryOf {
			w.written[p.ids[n]] = !b.held[at]
		}
	}
	for _, at := range b.letterEntries {
		delete(w.written, b.entries[at].ID)
	}
}

// expired takes note of positions that were acknowledged and left out.
func (w *writer) countExpired(n int) {
	if n == 0 {
		return
	}
	w.meters.expired.Add(n)
	if batches, ok := w.expiredLog.Allow(time.Now()); ok {
		w.log.Info("positions older than ARCHIVE_RETENTION_MONTHS were left out", "positions", n, "batches", batches)
	}
}

// keepSuspects holds back the entries whose rows the database does not take, for
// reasons that need not be theirs.
func (w *writer) holdSuspects(b *batch) {
	n, cause := 0, ""
	for i := range b.parts {
		p := &b.parts[i]
		for _, s := range p.suspects {
			w.hold(b, p.entryOf[s.at], s.first)
			n, cause = n+1, s.cause
		}
	}
	if n == 0 {
		return
	}
	w.meters.failures.Inc()
	w.held.setCause(cause)
	if times, ok := w.refusalLog.Allow(time.Now()); ok {
		w.log.Warn("the database does not take rows, and no other was taken since that would show that it is their fault: they wait in the stream",
			"error", cause, "rows", n, "times", times)
	}
}

// keep holds an entry of the batch back.
func (w *writer) hold(b *batch, at int, refused uint64) {
	b.held[at] = true
	w.held.add(&b.entries[at], refused)
}

// failed takes note of an insert that will be tried again.
func (w *writer) insertFailed(err error, rows int) {
	w.meters.failures.Inc()
	w.health.insertFailed(err)
	if n, ok := w.insertLog.Allow(time.Now()); ok {
		w.log.Warn("positions could not be written, trying again; the stream keeps them", "error", err, "rows", rows, "times", n)
	}
}

// bury writes the dead letters and acknowledges their entries. Those that Redis
// refuses are held back.
func (w *writer) writeLetters(ctx context.Context, b *batch) error {
	if len(b.letters) == 0 {
		return nil
	}
	err := w.client.AddDeadLetters(ctx, w.deadKey, w.maxLetters, w.stream, Group, b.letters)
	if redis.IsRefused(err) {
		w.lettersRefused(b, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	w.lettersWritable()
	w.meters.dead.Add(len(b.letters))
	for i := range b.letters {
		if b.letters[i].Fields[1] == reasonRefused {
			w.meters.refused.Inc()
		}
	}
	if n, ok := w.letterLog.Allow(time.Now()); ok {
		last := b.letters[len(b.letters)-1].Fields
		w.log.Warn("records went to the dead letters instead of the table", "dead", w.deadKey,
			"batches", n, "last_id", last[7], "reason", last[1], "error", last[3])
	}
	w.monitor.trimLetters(ctx)
	return nil
}

// lettersWork takes note that letters can be written, or that none waits.
func (w *writer) lettersWritable() {
	w.health.letterWrites.OK()
	if w.held.setLettersError(nil) {
		w.log.Info("dead letters can be written again", "dead", w.deadKey)
	}
}

// lettersRefused holds back the entries of letters that Redis does not take.
// Some of them may have been written.
func (w *writer) lettersRefused(b *batch, err error) {
	w.held.setLettersError(err)
	w.health.letterWrites.Fault(fmt.Errorf("%d dead letters cannot be written to %s, their records wait: %w", len(b.letters), w.deadKey, err))
	for _, at := range b.letterEntries {
		w.hold(b, at, 0)
	}
	if n, ok := w.unwrittenLog.Allow(time.Now()); ok {
		w.log.Error("dead letters cannot be written: their records wait in the stream, those after them go on",
			"dead", w.deadKey, "letters", len(b.letters), "error", err, "times", n)
	}
}

// spareTries is how many rows are found refused in a look at what was refused
// before, until the rest is left for the next look.
const searchBudget = 100

// spare begins a look at what was refused before, or ends it. Not between
// inserts of a batch.
func (w *writer) limitSearch(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limited, w.budget = on, searchBudget
}

// slowTries is what a row counts for that takes too long alone.
const slowRowCost = 25

// spend takes note of a row that was found refused, or of one that counts for
// more.
func (w *writer) spendBudget(tries int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.budget -= tries
}

// spent says that rows are not looked for one by one any more.
func (w *writer) searchExhausted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.limited && w.budget <= 0
}
