package feed

import (
	"context"
	"time"
)

// measureLag updates the lag gauge at intervals until ctx ends. While the server
// cannot be asked, the lag grows by the time that passes.
func (r *reader) measureLag(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if lag, err := r.lag(ctx); err == nil {
			r.lagGauge.Measured(lag)
		} else if ctx.Err() == nil {
			r.lagGauge.Missed()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lag returns how long the first unread entry has been in the stream, by the
// server's clock, and 0 when all entries have been read. XINFO's own lag is not
// used: it counts entries, is unknown after deletions, and is wrong on the embedded
// server.
func (r *reader) lag(ctx context.Context) (time.Duration, error) {
	return r.client.Waiting(ctx, r.stream, r.position())
}
