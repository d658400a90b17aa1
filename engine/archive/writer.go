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

// writer writes batches to the table and to the dead letters. One goroutine uses
// it. It inserts the parts of a batch concurrently and waits for them.
type writer struct {
	client     *redis.Client
	store      Store
	log        *slog.Logger
	stream     string
	deadKey    string
	maxLetters int64
	timeout    time.Duration // of one attempt to insert
	months     *monthKeeper
	meters     *meters
	health     *streamHealth
	monitor    *monitor

	acceptance *acceptance
	held       *heldBack
	size       *insertSize
	written    map[redis.ID]bool // committed, but the acknowledgement failed

	insertLog pace.LogLimiter // failed inserts

	mu      sync.Mutex // guards budget and limited, which the parts of a batch share
	budget  int        // how many more refused rows a limited search may find
	limited bool       // the search is limited; set between batches

	refusalLog   pace.LogLimiter // batches with rows held back
	unwrittenLog pace.LogLimiter // dead letters that cannot be written
	letterLog    pace.LogLimiter // batches with dead letters
	expiredLog   pace.LogLimiter // batches with expired positions
}

func newWriter(a *Archive, stream string, m *monitor, log *slog.Logger) *writer {
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
		health:     m.health,
		monitor:    m,
		acceptance: &a.acceptance,
		held:       a.held[stream],
		size:       newInsertSize(a.opt.BatchSize),
		written:    map[redis.ID]bool{},
	}
}

// writeBatch inserts the positions, writes the dead letters, and then acknowledges
// every entry of the batch that is not held back. An entry is acknowledged only
// after it is stored, so an interruption can cause a repeat but never a loss. It
// waits for the database until ctx ends. After an error the caller reads the entries
// again, which are still pending.
func (w *writer) writeBatch(ctx context.Context, b *batch) error {
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

// rememberWritten records entries that are stored but may still be pending, so that
// they are not counted as lost if they are trimmed. processPending clears the record
// when it has seen all pending entries.
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

// countExpired counts positions that were too old: acknowledged but not inserted.
func (w *writer) countExpired(n int) {
	if n == 0 {
		return
	}
	w.meters.expired.Add(n)
	if batches, ok := w.expiredLog.Allow(time.Now()); ok {
		w.log.Info("positions older than ARCHIVE_RETENTION_MONTHS were left out", "positions", n, "batches", batches)
	}
}

// holdSuspects holds back the entries of refused rows that may not be at fault.
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
		w.log.Warn("the database refuses rows and has accepted no other row since, so they may not be at fault: they wait in the stream",
			"error", cause, "rows", n, "times", times)
	}
}

// hold holds an entry of the batch back.
func (w *writer) hold(b *batch, at int, refused uint64) {
	b.held[at] = true
	w.held.add(&b.entries[at], refused)
}

// insertFailed records a failed insert that will be retried.
func (w *writer) insertFailed(err error, rows int) {
	w.meters.failures.Inc()
	w.health.insertFailed(err)
	if n, ok := w.insertLog.Allow(time.Now()); ok {
		w.log.Warn("positions could not be written, trying again; the stream keeps them", "error", err, "rows", rows, "times", n)
	}
}

// writeLetters writes the dead letters and acknowledges their entries. Entries
// whose letters Redis refuses are held back.
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

// lettersWritable records that letters can be written, or that none is waiting.
func (w *writer) lettersWritable() {
	w.health.letterWrites.OK()
	if w.held.setLettersError(nil) {
		w.log.Info("dead letters can be written again", "dead", w.deadKey)
	}
}

// lettersRefused holds back the entries of letters that Redis refuses. Some of the
// letters may have been written.
func (w *writer) lettersRefused(b *batch, err error) {
	w.held.setLettersError(err)
	w.health.letterWrites.Fault(fmt.Errorf("%d dead letters cannot be written to %s, and their records wait: %w", len(b.letters), w.deadKey, err))
	for _, at := range b.letterEntries {
		w.hold(b, at, 0)
	}
	if n, ok := w.unwrittenLog.Allow(time.Now()); ok {
		w.log.Error("dead letters cannot be written: their records wait in the stream, later records are archived",
			"dead", w.deadKey, "letters", len(b.letters), "error", err, "times", n)
	}
}

// searchBudget is how many refused rows a limited search looks for. It leaves the rest
// to the next pass, so that a pass is cheap while the database refuses every row.
const searchBudget = 100

// limitSearch begins or ends a limited search: a pass over rows that were refused
// before. It must not be called while a batch is being inserted.
func (w *writer) limitSearch(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limited, w.budget = on, searchBudget
}

// slowRowCost is how much of the budget is spent on a single row that takes too long. It
// is high, because each such row takes a whole timeout.
const slowRowCost = 25

// spendBudget charges the budget for a refused row.
func (w *writer) spendBudget(cost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.budget -= cost
}

// searchExhausted reports whether a limited search has used up its budget.
func (w *writer) searchExhausted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.limited && w.budget <= 0
}
