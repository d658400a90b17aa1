package feed

import (
	"context"
	"time"
)

// measureLag keeps the reader's lag gauge up to date until ctx ends. While the
// server cannot be asked, the lag is the last one plus the time since.
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

// lag is how long the first entry that was not read has been in the stream, by
// the server's clock, and 0 when all is read. XINFO's lag counts entries, is
// unknown after deletions, and the embedded server makes it up.
func (r *reader) lag(ctx context.Context) (time.Duration, error) {
	return r.client.Waiting(ctx, r.stream, r.position())
}
