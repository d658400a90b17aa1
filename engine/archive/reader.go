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

// newEntries asks a group for what none of its consumers was given.
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

	first, more []redis.Entry       // lent to reads, by turns
	joined      []redis.Entry       // the two of gather together
	count       redis.AdaptiveCount // entries of a read
	nextClaim   time.Time
	claimFrom   redis.ID  // where the next look at others' entries begins
	nextRetry   time.Time // when what is held back is tried again
	hadGroup    bool      // it has been there before: a missing one was lost
	checkFirst  bool      // the stream may have been trimmed beyond the group

	pause      pace.Backoff
	sessionLog pace.LogLimiter // sessions that failed
	lossLog    pace.LogLimiter // pending entries that were trimmed

	refusalLog pace.LogLimiter // steps that the archive goes on without
}

func newReader(a *Archive, stream string, w *monitor, log *slog.Logger) *reader {
	return &reader{
		opt:     &a.opt,
		client:  a.opt.Client,
		conn:    a.opt.Client.NewReader(redis.ReadOptions{Stream: stream}),
		log:     log,
		stream:  stream,
		count:   redis.NewAdaptiveCount(a.opt.BatchSize),
		batch:   newBatch(stream, a.opt.Limits, a.opt.Writers, leftout.New(a.opt.Metrics, "processor_archive_fields_left_out_total", log)),
		writer:  newWriter(a, stream, w, log),
		monitor: w,
		months:  a.months,
		meters:  &a.meters,
		held:    a.held[stream],
	}
}

// run archives until ctx ends. flush outlives ctx for as long as writing the
// batch in hand may take.
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
		_ = pace.Sleep(ctx, r.pause.Delay()) // the loop looks at ctx
	}
	// A reply that was cut off by the end of ctx pends, as a batch does that
	// could not be acknowledged: one last look.
	err := r.processPending(flush, flush)
	if flush.Err() != nil {
		err = context.Cause(flush)
	}
	if err != nil && !redis.IsNoGroup(err) {
		return fmt.Errorf("archive of stream %s: what pends stays for the next start: %w", r.stream, err)
	}
	return nil
}

// session makes sure of the group, takes this consumer's pending entries
// again, and then archives what comes until something fails or ctx ends.
func (r *reader) session(ctx, flush context.Context) error {
	if err := r.ensureGroup(ctx); err != nil {
		return err
	}
	if err := r.processPending(ctx, flush); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := r.retryHeld(ctx, flush); err != nil { // before they are old enough to be claimed
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
			continue // until there is room for what may have to be held back
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

// lookAfter is after what time of not reading the stream is looked at first.
const checkAfter = 100 * time.Millisecond

// mindTheGap looks for records that were trimmed before anybody was given
// them, when that may be: once the group reads on, nothing tells. A reader that
// keeps up need not look.
func (r *reader) checkTrimmed(ctx context.Context) error {
	if !r.checkFirst {
		return nil
	}
	_, err := r.monitor.checkTrimmed(ctx)
	return r.tolerate(err)
}

// needless takes an error of a step without which the archive goes on. What the
// server refuses is told, and nil is returned. The rest ends the session: a
// connection that failed, a group that has gone.
func (r *reader) tolerate(err error) error {
	if !redis.IsRefused(err) || redis.IsNoGroup(err) {
		return err
	}
	if n, ok := r.refusalLog.Allow(time.Now()); ok {
		r.log.Warn("Redis refuses what the archive can do without for now", "error", err, "times", n)
	}
	return nil
}

// ensureGroup makes the group at the stream's beginning where it is missing.
func (r *reader) ensureGroup(ctx context.Context) error {
	created, err := r.client.CreateGroup(ctx, r.stream, Group, redis.ID{})
	if err != nil {
		return err
	}
	if created && r.hadGroup {
		r.meters.groupsLost.Inc()
		r.log.Warn("the consumer group was lost and is made again at the stream's beginning: rows that are in the table already will be counted as duplicates")
	} else if created {
		r.log.Info("consumer group made at the stream's beginning")
	}
	r.hadGroup = true
	return nil
}

// portion is how many entries the next read may bring: all of them may have to
// be held back.
func (r *reader) readCount() int { return min(r.count.Count(), r.held.room()) }

// gather waits for new entries, full of them, and, when there are less, a little
// for more. It may return entries together with an error.
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
		From: from, Count: count, Block: block,
	}
}

// process archives entries and acknowledges them, in parts of a batch each.
// flush bounds it, not the end of the reading.
func (r *reader) process(flush context.Context, entries []redis.Entry) error {
	for len(entries) > 0 {
		part := entries[:min(len(entries), r.opt.BatchSize)]
		entries = entries[len(part):]
		r.batch.fill(part, r.months.bounds())
		r.countLost(r.batch.trimmed)
		if err := r.writer.archive(flush, r.batch); err != nil {
			return err
		}
		r.pause.Reset() // what was pending counts as progress, too
		r.monitor.health.sessionSucceeded()
	}
	return nil
}

// lost counts and logs entries that were trimmed while they were pending, and
// that this process has not written.
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
		r.log.Error("records were trimmed from the stream before they were archived: they are lost; raise the stream's MAXLEN", "records", n, "times", times)
	}
}
