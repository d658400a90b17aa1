package feed

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/redis"
)

// failoverMargin is how far the group goes back when the server is not the one
// it was: ids are made by the server's clock, a replica may be behind in
// entries, and its clock may be behind as well.
const failoverMargin = 10 * time.Second

// resume sets the group back to the last id that was handed over, or makes it
// again there. A reply that was lost with its connection has moved the group
// all the same, whatever the reason of the failure was.
//
// All of it goes over the connection that is read on afterwards. So the run id
// is that of the server that is read, and whoever takes the lease between these
// steps closes the connection with them.
func (r *reader) resume(ctx context.Context) error {
	runID, err := r.conn.RunID(ctx)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	if err := r.lease.renew(ctx, r.conn); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	term := r.lease.current()
	sameServer := runID != "" && runID == r.runID // "": the server does not tell
	// No read that was given up may be served after the group is back in place.
	if err := r.conn.Fence(ctx, sameServer); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	last, err := r.conn.LastID(ctx, r.stream)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	at, err := r.skipLarge(ctx, resumeAt(r.position(), last, sameServer))
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	if err := r.conn.Place(ctx, at); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	if !sameServer {
		r.clock.forget()
	}
	r.term, r.runID = term, runID
	// Before anything is handed over the next failure may come: then the group
	// must come back here, not to where it was before.
	r.setPosition(at)
	r.meters.resumed.Inc()
	if n, ok := r.resumed.Allow(time.Now()); ok {
		r.log.Info("reading the stream again", "after", at.String(), "same_server", sameServer, "times", n)
	}
	return nil
}

// skipLarge passes over entries that cannot be read because of their size, and
// are no positions.
func (r *reader) skipLarge(ctx context.Context, at redis.ID) (redis.ID, error) {
	last, n, err := r.conn.SkipLarge(ctx, at)
	if n > 0 {
		r.meters.skipped.Add(n)
		r.log.Warn("entries were skipped that are too large to be read", "entries", n, "last_id", last.String(), "largest_allowed_bytes", redis.MaxEntry)
	}
	return last, err
}

// resumeAt is where a group is set back to. handed is the last id handed over,
// last the stream's own, which is lower when a failover went back.
func resumeAt(batcher, last redis.ID, sameServer bool) redis.ID {
	at := batcher
	if last.Less(at) {
		at = last
	}
	if !sameServer {
		at = at.Sub(failoverMargin)
	}
	return at
}
