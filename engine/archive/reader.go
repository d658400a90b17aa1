package archive

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pitwall/engine/internal/leftout"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// newEntries asks for entries that were not delivered to any consumer of the group.
const newEntries = ">"

// reader archives one stream. One goroutine uses it.
type reader struct {
	opt     *Options
	client  *redis.Client
	conn    *redis.Reader // reads what this consumer is given
	log     *slog.Logger
	stream  string
	batch   *batch
	writer  *writer
	monitor *monitor
	months  *monthKeeper
	meters  *meters
	held    *heldBack

	first, more []redis.Entry       // memory of the two reads of readBatch, reused
	joined      []redis.Entry       // both of them
	count       redis.AdaptiveCount // how many entries the next read asks for
	nextClaim   time.Time
	claimFrom   redis.ID  // where the next claim begins
	nextRetry   time.Time // when entries that are held back are retried
	hadGroup    bool      // the group existed before, so a missing group was lost
	checkFirst  bool      // check before the next read whether undelivered entries were trimmed

	pause      pace.Backoff
	sessionLog pace.LogLimiter // failed sessions
	lossLog    pace.LogLimiter // pending entries that were trimmed

	refusalLog pace.LogLimiter // refused steps that are not essential
}

func newReader(a *Archive, stream string, m *monitor, log *slog.Logger) *reader {
	return &reader{
		opt:     &a.opt,
		client:  a.opt.Client,
		conn:    a.opt.Client.NewReader(redis.ReadOptions{Stream: stream}),
		log:     log,
		stream:  stream,
		count:   redis.NewAdaptiveCount(a.opt.BatchSize),
		batch:   newBatch(stream, a.opt.Limits, a.opt.Writers, leftout.New(a.opt.Metrics, "processor_archive_fields_left_out_total", log)),
		writer:  newWriter(a, stream, m, log),
		monitor: m,
		months:  a.months,
		meters:  &a.meters,
		held:    a.held[stream],
	}
}

// run archives until ctx ends. flush ends later than ctx, so that the current batch can
// be completed.
func (r *reader) run(ctx, flush context.Context) error {
	defer r.conn.Close()
	for ctx.Err() == nil {
		err := r.session(ctx, flush)
		if ctx.Err() != nil || err == nil {
			break
		}
		r.count.Failed(err)
		r.meters.readErrors.Inc()
		r.monitor.health.sessionFailed(err)
		if n, ok := r.sessionLog.Allow(time.Now()); ok {
			r.log.Warn("archiving was interrupted, trying again", "error", err, "times", n)
		}
		_ = pace.Sleep(ctx, r.pause.Delay()) // the loop checks ctx
	}
	// The end of ctx may have cut off a reply, and an acknowledgement may have
	// failed. The entries of both are pending: process them one last time.
	err := r.processPending(flush, flush)
	if cause := context.Cause(flush); cause != nil && err != nil {
		err = fmt.Errorf("%w: %v", cause, err) // err says what took so long
	} else if cause != nil {
		err = cause
	}
	if err != nil && !redis.IsNoGroup(err) {
		return fmt.Errorf("archive of stream %s: pending entries stay for the next start: %w", r.stream, err)
	}
	return nil
}

// session creates the group if necessary, processes what is pending on this
// consumer, and then archives new entries until something fails or ctx ends.
func (r *reader) session(ctx, flush context.Context) error {
	if err := r.ensureGroup(ctx); err != nil {
		return err
	}
	if err := r.processPending(ctx, flush); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := r.retryHeld(ctx, flush); err != nil { // before other processes may claim them
			return err
		}
		if err := r.claim(ctx, flush); err != nil {
			return err
		}
		if err := r.checkTrimmed(ctx); err != nil {
			return err
		}
		full := r.readCount()
		if full == 0 {
			continue // until there is room: each entry may have to be held back
		}
		entries, readErr := r.readBatch(ctx, full)
		begin := time.Now()
		if err := r.process(flush, entries); err != nil {
			return err
		}
		r.checkFirst = len(entries) >= full || time.Since(begin) > checkAfter
		if readErr != nil {
			return readErr
		}
		r.pause.Reset()
		r.monitor.health.sessionSucceeded()
	}
	return nil
}

// checkAfter is how long the processing of a read may take before the stream is checked
// for trimming before the next read.
const checkAfter = 100 * time.Millisecond

// checkTrimmed looks for records that were trimmed before their delivery. It must
// run before the next read, which would hide the gap. It is skipped when the last
// read reached the end of the stream a moment ago.
func (r *reader) checkTrimmed(ctx context.Context) error {
	if !r.checkFirst {
		return nil
	}
	_, err := r.monitor.checkTrimmed(ctx)
	return r.tolerate(err)
}

// tolerate handles the error of a step that is not essential. It logs a refusal by
// the server and returns nil. Any other error, such as a failed connection or a lost
// group, is returned and ends the session.
func (r *reader) tolerate(err error) error {
	if !redis.IsRefused(err) || redis.IsNoGroup(err) {
		return err
	}
	if n, ok := r.refusalLog.Allow(time.Now()); ok {
		r.log.Warn("Redis refuses a step that is not essential", "error", err, "times", n)
	}
	return nil
}

// ensureGroup creates the group at the beginning of the stream if it is missing,
// so that nothing in the stream is skipped.
func (r *reader) ensureGroup(ctx context.Context) error {
	created, err := r.client.CreateGroup(ctx, r.stream, Group, redis.ID{})
	if err != nil {
		return err
	}
	if created && r.hadGroup {
		r.meters.groupsLost.Inc()
		r.log.Warn("the consumer group was lost and is created again at the beginning of the stream: rows that are in the table already count as duplicates")
	} else if created {
		r.log.Info("consumer group created at the beginning of the stream")
	}
	r.hadGroup = true
	return nil
}

// readCount is how many entries the next read may bring. There must be room to
// hold all of them back.
func (r *reader) readCount() int { return min(r.count.Count(), r.held.room()) }

// readBatch waits for new entries, at most full of them. When fewer arrive it
// waits BatchWait for more. It may return entries together with an error.
func (r *reader) readBatch(ctx context.Context, full int) ([]redis.Entry, error) {
	entries, err := r.conn.ReadGroup(ctx, r.readOptions(newEntries, full, r.opt.Block), r.first)
	r.first = entries
	r.count.Succeeded(entries)
	missing := full - len(entries)
	if err != nil || len(entries) == 0 || missing <= 0 || r.opt.BatchWait < 0 {
		return entries, err
	}
	if pace.Sleep(ctx, r.opt.BatchWait) != nil {
		return entries, nil
	}
	r.more, err = r.conn.ReadGroup(ctx, r.readOptions(newEntries, missing, 0), r.more)
	r.joined = append(append(r.joined[:0], entries...), r.more...)
	return r.joined, err
}

func (r *reader) readOptions(from string, count int, block time.Duration) redis.ReadOptions {
	return redis.ReadOptions{
		Stream: r.stream, Group: Group, Consumer: r.opt.Consumer,
		From: from, Count: count, Block: block, MaxReply: r.opt.MaxReply,
	}
}

// process archives and acknowledges entries, one batch after the other. Only the
// end of flush interrupts a batch, not the end of the reader's context.
func (r *reader) process(flush context.Context, entries []redis.Entry) error {
	for len(entries) > 0 {
		part := entries[:min(len(entries), r.opt.BatchSize)]
		entries = entries[len(part):]
		r.batch.fill(part, r.months.bounds())
		r.countLost(r.batch.trimmed)
		if err := r.writer.writeBatch(flush, r.batch); err != nil {
			return err
		}
		r.pause.Reset() // pending entries are progress, too
		r.monitor.health.sessionSucceeded()
	}
	return nil
}

// countLost counts and logs entries that were trimmed while they were pending,
// except those that this process has written.
func (r *reader) countLost(trimmed []redis.ID) {
	n := 0
	for _, id := range trimmed {
		if !r.writer.written[id] {
			n++
		}
	}
	if n == 0 {
		return
	}
	r.meters.lost.Add(n)
	if times, ok := r.lossLog.Allow(time.Now()); ok {
		r.log.Error("records were trimmed from the stream before they were archived: they are lost; let the stream keep more (MAXLEN, MINID)", "records", n, "times", times)
	}
}
