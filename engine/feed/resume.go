package feed

import (
	"context"
	"time"

	"pitwall/engine/internal/redis"
)

// failoverMargin is how far the group is set back when the server has changed. A
// replica may lack the latest entries, and new ids are made by its clock, which may
// be slower.
const failoverMargin = 10 * time.Second

// resume sets the group back to the last id that was delivered to the shards, or
// creates it there. This is needed after any failure: if a reply was lost with its
// connection, the group has still moved past its entries.
//
// All steps use the connection of the next read. So the run id is that of the server
// that is read from, and a process that takes the lease between the steps closes this
// connection.
func (r *reader) resume(ctx context.Context) error {
	runID, err := r.conn.RunID(ctx)
	if err != nil {
		return err
	}
	if err := r.lease.renew(ctx, r.conn); err != nil {
		return err
	}
	term := r.lease.current()
	sameServer := runID != "" && runID == r.runID // "" if the server does not tell
	// A failed read must not be served after the group is back in place.
	if err := r.conn.Fence(ctx, sameServer); err != nil {
		return err
	}
	last, err := r.conn.LastID(ctx, r.stream)
	if err != nil {
		return err
	}
	at, err := r.skipLarge(ctx, resumeAt(r.position(), last, sameServer))
	if err != nil {
		return err
	}
	if err := r.conn.Place(ctx, at); err != nil {
		return err
	}
	if !sameServer {
		r.clock.forget()
	}
	r.term, r.runID = term, runID
	if !sameServer {
		r.arrivals.begin(r.stream, runID, at)
	}
	// If the next failure comes before anything is delivered, the group must be set
	// back to this position, not to the previous one.
	r.setPosition(at)
	r.meters.resumed.Inc()
	if n, ok := r.resumed.Allow(time.Now()); ok {
		r.log.Info("reading the stream again", "after", at.String(), "same_server", sameServer, "times", n)
	}
	return nil
}

// skipLarge skips entries that are too large to be read. No position is that large.
func (r *reader) skipLarge(ctx context.Context, at redis.ID) (redis.ID, error) {
	last, n, err := r.conn.SkipLarge(ctx, at)
	if n > 0 {
		r.meters.skipped.Add(n)
		r.log.Warn("skipped entries that are too large to be read", "entries", n, "last_id", last.String(), "largest_allowed_bytes", redis.MaxEntry)
	}
	return last, err
}

// resumeAt returns the id to which a group is set back. delivered is the last id that
// was delivered to the shards. last is the stream's last id, which is lower when a
// failover lost entries.
func resumeAt(delivered, last redis.ID, sameServer bool) redis.ID {
	at := delivered
	if last.Less(at) {
		at = last
	}
	if !sameServer {
		at = at.Sub(failoverMargin)
	}
	return at
}
