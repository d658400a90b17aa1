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
func (r *reader) resume(ctx context.Context) error {
	runID, err := r.client.RunID(ctx)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	sameServer := runID != "" && runID == r.runID // "": the server does not tell
	// No read that was given up may be served after the group is back in place.
	if err := r.conn.Fence(ctx, sameServer); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	last, err := r.client.LastID(ctx, r.stream)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	at := resumeAt(r.position(), last, sameServer)
	if err := r.place(ctx, at); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	r.runID = runID
	// Before anything is handed over the next failure may come: then the group
	// must come back here, not to where it was before.
	r.setPosition(at)
	r.meters.resumed.Inc()
	if n, ok := r.resumed.Tell(time.Now()); ok {
		r.log.Info("reading the stream again", "after", at.String(), "same_server", sameServer, "times", n)
	}
	return nil
}

// resumeAt is where a group is set back to. handed is the last id handed over,
// last the stream's own, which is lower when a failover went back.
func resumeAt(handed, last redis.ID, sameServer bool) redis.ID {
	at := handed
	if last.Less(at) {
		at = last
	}
	if !sameServer {
		at = at.Sub(failoverMargin)
	}
	return at
}

// place moves the group to at, and makes it when it is not there.
func (r *reader) place(ctx context.Context, at redis.ID) error {
	err := r.client.SetGroupID(ctx, r.stream, r.group, at)
	if !redis.IsNoGroup(err) {
		return err
	}
	created, err := r.client.CreateGroup(ctx, r.stream, r.group, at)
	if err == nil && !created {
		err = fmt.Errorf("group %s on stream %s came and went", r.group, r.stream)
	}
	return err
}
