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
	opt    *Options
	client *redis.Client
	conn   *redis.Reader // reads what this consumer is given
	log    *slog.Logger
	stream string
	batch  *batch
	write  *writer
	watch  *watch
	months *partitions
	meters *meters
	held   *held

	first, more []redis.Entry // lent to reads, by turns
	both        []redis.Entry // the two of gather together
	size        redis.Portion // entries of a read
	nextClaim   time.Time
	claimFrom   redis.ID  // where the next look at others' entries begins
	nextAgain   time.Time // when what is held back is tried again
	hadGroup    bool      // it has been there before: a missing one was lost
	lookFirst   bool      // the stream may have been trimmed beyond the group

	pause pace.Backoff
	fault pace.LogLimiter // sessions that failed
	loss  pace.LogLimiter // pending entries that were trimmed

	refused pace.LogLimiter // steps that the archive goes on without
}

func newReader(a *Archive, stream string, w *watch, log *slog.Logger) *reader {
	return &reader{
		opt:    &a.opt,
		client: a.opt.Client,
		conn:   a.opt.Client.NewReader(redis.ReadOptions{Stream: stream}),
		log:    log,
		stream: stream,
		size:   redis.NewPortion(a.opt.BatchSize),
		batch:  newBatch(stream, a.opt.Limits, a.opt.Writers, leftout.New(a.opt.Metrics, "processor_archive_fields_left_out_total", log)),
		write:  newWriter(a, stream, w, log),
		watch:  w,
		months: a.months,
		meters: &a.meters,
		held:   a.held[stream],
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
		r.size.Failed(err)
		r.meters.readErrors.Inc()
		r.watch.health.interrupted(err)
		if n, ok := r.fault.Allow(time.Now()); ok {
			r.log.Warn("archiving was interrupted, trying again", "error", err, "times", n)
		}
		_ = pace.Sleep(ctx, r.pause.Delay()) // the loop looks at ctx
	}
	// A reply that was cut off by the end of ctx pends, as a batch does that
	// could not be acknowledged: one last look.
	err := r.recover(flush, flush)
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
	if err := r.recover(ctx, flush); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := r.again(ctx, flush); err != nil { // before they are old enough to be claimed
			return err
		}
		if err := r.claim(ctx, flush); err != nil {
			return err
		}
		if err := r.mindTheGap(ctx); err != nil {
			return err
		}
		full := r.portion()
		if full == 0 {
			continue // until there is room for what may have to be held back
		}
		entries, readErr := r.gather(ctx, full)
		begin := time.Now()
		if err := r.process(flush, entries); err != nil {
			return err
		}
		r.lookFirst = len(entries) >= full || time.Since(begin) > lookAfter
		if readErr != nil {
			return readErr
		}
		r.pause.Reset()
		r.watch.health.went()
	}
	return nil
}

// lookAfter is after what time of not reading the stream is looked at first.
const lookAfter = 100 * time.Millisecond

// mindTheGap looks for records that were trimmed before anybody was given
// them, when that may be: once the group reads on, nothing tells. A reader that
// keeps up need not look.
func (r *reader) mindTheGap(ctx context.Context) error {
	if !r.lookFirst {
		return nil
	}
	_, err := r.watch.look(ctx)
	return r.needless(err)
}

// needless takes an error of a step without which the archive goes on. What the
// server refuses is told, and nil is returned. The rest ends the session: a
// connection that failed, a group that has gone.
func (r *reader) needless(err error) error {
	if !redis.IsRefused(err) || redis.IsNoGroup(err) {
		return err
	}
	if n, ok := r.refused.Allow(time.Now()); ok {
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
func (r *reader) portion() int { return min(r.size.Count(), r.held.room()) }

// gather waits for new entries, full of them, and, when there are less, a little
// for more. It may return entries together with an error.
func (r *reader) gather(ctx context.Context, full int) ([]redis.Entry, error) {
	entries, err := r.conn.ReadGroup(ctx, r.read(newEntries, full, r.opt.Block), r.first)
	r.first = entries
	r.size.Took(entries)
	missing := full - len(entries)
	if err != nil || len(entries) == 0 || missing <= 0 || r.opt.BatchWait < 0 {
		return entries, err
	}
	if pace.Sleep(ctx, r.opt.BatchWait) != nil {
		return entries, nil
	}
	r.more, err = r.conn.ReadGroup(ctx, r.read(newEntries, missing, 0), r.more)
	r.both = append(append(r.both[:0], entries...), r.more...)
	return r.both, err
}

func (r *reader) read(from string, count int, block time.Duration) redis.ReadOptions {
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
		r.lost(r.batch.trimmed)
		if err := r.write.all(flush, r.batch); err != nil {
			return err
		}
		r.pause.Reset() // what was pending counts as progress, too
		r.watch.health.went()
	}
	return nil
}

// lost counts and logs entries that were trimmed while they were pending, and
// that this process has not written.
func (r *reader) lost(trimmed []redis.ID) {
	n := 0
	for _, id := range trimmed {
		if !r.write.written[id] {
			n++
		}
	}
	if n == 0 {
		return
	}
	r.meters.lost.Add(n)
	if times, ok := r.loss.Allow(time.Now()); ok {
		r.log.Error("records were trimmed from the stream before they were archived: they are lost; raise the stream's MAXLEN", "records", n, "times", times)
	}
}
