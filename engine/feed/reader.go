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

// reader reads one stream. One goroutine at a time calls its methods; any goroutine
// may call position.
type reader struct {
	client   *redis.Client
	log      *slog.Logger
	stream   string
	batcher  *batcher
	arrivals *arrivals
	meters   streamMeters
	clock    *clockDifference
	conn     *redis.Reader
	lease    *lease
	term     int    // the lease's term when the group was last placed
	runID    string // the server process on which it was placed
	check    *health.Check
	lagGauge *health.Lag // how long the first unread entry has waited

	pause   pace.Backoff
	fault   pace.LogLimiter // failed reads
	resumed pace.LogLimiter // resumed reads

	mu   sync.Mutex // guards last, which measureLag reads
	last redis.ID   // the group's position: the last id delivered to the shards, or to which it was set back
	tail redis.ID   // T: the stream's last id when the group was created
}

func newReader(f *Feed, stream string, l *lease) *reader {
	o := &f.opt
	log := f.log.With("stream", stream)
	meters := f.meters.stream(stream)
	return &reader{
		client:   o.Client,
		log:      log,
		stream:   stream,
		lease:    l,
		batcher:  newBatcher(o.Sink, o.Limits, &f.meters, log),
		arrivals: &f.arrivals,
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

// position returns the id after which the next entry is read.
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

// createGroup creates the group at the stream's last id.
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
	r.arrivals.begin(r.stream, r.runID, r.tail)
	return nil
}

// loop reads until ctx ends, which is no error, until the lease is lost
// (ErrLeaseLost), or until the sink fails.
func (r *reader) loop(ctx context.Context) error {
	defer r.conn.Close()
	var entries []redis.Entry
	var err error
	for ctx.Err() == nil {
		seen := r.arrivals.seen()
		if entries, err = r.readNext(ctx, entries); err != nil {
			if err := r.restore(ctx, err); err != nil {
				return err
			}
			continue
		}
		r.pause.Reset()
		r.check.OK()
		r.clock.observe(time.Now(), lastID(entries), r.conn.Emptied())
		if len(entries) == 0 {
			r.arrivals.delivered(r.stream, nil, r.conn.Emptied(), seen)
			continue
		}
		if err := r.batcher.decodeAndDeliver(ctx, entries, r.clock.effective(), false); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("deliver positions of stream %s to the shards: %w", r.stream, err)
		}
		r.setPosition(lastID(entries))
		r.arrivals.delivered(r.stream, entries, r.conn.Emptied(), seen)
	}
	return nil
}

// lastID returns the id of the last entry, 0-0 when there is none.
func lastID(entries []redis.Entry) redis.ID {
	if len(entries) == 0 {
		return redis.ID{}
	}
	return entries[len(entries)-1].ID
}

// errLapsed is the error of readNext when the lease has expired.
var errLapsed = errors.New("the lease of the instance id was not renewed in time")

// readNext reads the next entries of the stream. It does not read while another
// process may own the group.
func (r *reader) readNext(ctx context.Context, dst []redis.Entry) ([]redis.Entry, error) {
	if now := r.lease.current(); now == lapsed || now != r.term {
		return dst, errLapsed
	}
	return r.conn.Read(ctx, dst)
}

// restore resumes reading after a failed read. It returns when the group is back in
// place, when ctx has ended, or with ErrLeaseLost. Its back-off is reset by a
// successful read and not by a successful resume, so that reads that always fail do
// not become a busy loop.
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
