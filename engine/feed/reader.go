package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// reader reads one stream. Its methods are called by one goroutine at a time,
// apart from position.
type reader struct {
	client   *redis.Client
	log      *slog.Logger
	stream   string
	group    string
	batcher  *batcher
	meters   streamMeters
	clock    *clockDifference
	conn     *redis.Reader
	lease    *lease
	term     int    // of the lease when the group was last placed
	runID    string // the server process that it was placed on
	check    *health.Check
	lagGauge *health.Lag // how long the first unread entry waits

	pause   pace.Backoff
	fault   pace.LogLimiter // reads that failed
	resumed pace.LogLimiter // times that reading went on

	mu   sync.Mutex // guards last, which the lag reads
	last redis.ID   // the group's position: what was handed over, or set back to
	tail redis.ID   // T: the stream's last id when the group was made
}

func newReader(f *Feed, stream string, l *lease) *reader {
	o := &f.opt
	log := f.log.With("stream", stream)
	meters := f.meters.stream(stream)
	return &reader{
		client:   o.Client,
		log:      log,
		stream:   stream,
		group:    f.group,
		lease:    l,
		batcher:  newBatcher(o.Sink, o.Limits, &f.meters, log),
		meters:   meters,
		clock:    newClockDifference(o.FutureTolerance, log, meters.clock),
		check:    readCheck(&f.opt, stream),
		lagGauge: health.NewLag(meters.lag),
		conn: o.Client.NewReader(redis.ReadOptions{
			Stream: stream, Group: f.group, Consumer: o.InstanceID, From: ">",
			Count: o.BatchCount, Block: o.Block, NoAck: true, Name: l.key,
		}),
	}
}

// position is the id after which the next entry is read.
func (r *reader) position() redis.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func (r *reader) setPosition(id redis.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = id
}

// createGroup makes the group at the stream's last id.
func (r *reader) createGroup(ctx context.Context) error {
	var err error
	if r.runID, err = r.conn.RunID(ctx); err != nil {
		return err
	}
	if r.tail, err = r.conn.LastID(ctx, r.stream); err != nil {
		return err
	}
	if err := r.conn.Place(ctx, r.tail); err != nil {
		return err
	}
	r.clock.askServer(ctx, r.client, r.stream, r.tail)
	r.term = r.lease.current()
	r.setPosition(r.tail)
	return nil
}

// loop reads until ctx ends, which is no error, the lease is lost (ErrLeaseLost),
// or the sink fails.
func (r *reader) loop(ctx context.Context) error {
	defer r.conn.Close()
	var entries []redis.Entry
	var err error
	for ctx.Err() == nil {
		if entries, err = r.readNext(ctx, entries); err != nil {
			if err := r.restore(ctx, err); err != nil {
				return err
			}
			continue
		}
		r.pause.Reset()
		r.check.OK()
		r.noteClock(entries)
		if len(entries) == 0 {
			continue
		}
		if err := r.batcher.decodeAndDeliver(ctx, entries, r.clock.effective(), false); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("hand positions of stream %s to the shards: %w", r.stream, err)
		}
		r.setPosition(entries[len(entries)-1].ID)
	}
	return nil
}

// noteClock measures the server's clock by what was read.
func (r *reader) noteClock(entries []redis.Entry) {
	var last redis.ID
	if n := len(entries); n > 0 {
		last = entries[n-1].ID
	}
	r.clock.observe(time.Now(), last, r.conn.Emptied())
}

// errLapsed is what a read fails with that is not begun.
var errLapsed = errors.New("the lease of the instance id was not renewed in time")

// readNext takes the next entries off the stream, but not while the group may be
// another's.
func (r *reader) readNext(ctx context.Context, dst []redis.Entry) ([]redis.Entry, error) {
	if now := r.lease.current(); now == lapsed || now != r.term {
		return dst, errLapsed
	}
	return r.conn.Read(ctx, dst)
}

// restore brings the group back in place after a failed read. It returns when
// that is done, when ctx has ended, or with ErrLeaseLost. The wait grows until a
// read succeeds, not until the group is placed, so that a read that always fails
// does not become a loop without rest.
func (r *reader) restore(ctx context.Context, cause error) error {
	for ctx.Err() == nil {
		r.meters.failed.Inc()
		r.check.Fault(cause)
		if n, ok := r.fault.Allow(time.Now()); ok {
			r.log.Warn("reading the stream failed, trying again", "error", cause, "times", n)
		}
		if pace.Sleep(ctx, r.pause.Delay()) != nil {
			return nil
		}
		if cause = r.resume(ctx); cause == nil || errors.Is(cause, ErrLeaseLost) {
			return cause
		}
	}
	return nil
}
