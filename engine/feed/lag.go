package feed

import (
	"context"
	"time"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// lagGrace is the time that the newest entry is given to be read before it
// counts as lag. Without it one entry after a quiet hour, caught between its
// arrival and its read, would show as an hour.
const lagGrace = 100 * time.Millisecond

// lagPoll is how often the reader is looked at in that time.
const lagPoll = 10 * time.Millisecond

// measureLag keeps the lag gauges up to date until ctx ends. While the server
// cannot be asked they keep their last value.
func (f *Feed) measureLag(ctx context.Context) {
	tick := time.NewTicker(f.opt.LagEvery)
	defer tick.Stop()
	for {
		for _, r := range f.readers {
			if lag, err := r.lag(ctx); err == nil {
				r.meters.lag.Set(float64(lag))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lag is how far the reader is behind the stream: the time of the newest entry
// less that of the last one read, in ms, and 0 when all is read. XINFO's lag
// counts entries, is unknown after deletions, and the embedded server makes it up.
func (r *reader) lag(ctx context.Context) (int64, error) {
	newest, err := r.client.LastID(ctx, r.stream)
	if err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(r.grace); r.position().Less(newest) && time.Now().Before(deadline); {
		if err := pace.Sleep(ctx, lagPoll); err != nil {
			return 0, err
		}
	}
	last := r.position()
	if !last.Less(newest) {
		return 0, nil
	}
	if last.IsZero() {
		// The stream was empty: its first entry is where the lag begins.
		if last, err = r.client.FirstID(ctx, r.stream); err != nil || last.IsZero() {
			return 0, err
		}
	}
	return lagBetween(last, newest), nil
}

// lagBetween is the time between two ids in ms, at least 1 when one is before
// the other: several entries of one millisecond are still unread.
func lagBetween(last, newest redis.ID) int64 {
	if !last.Less(newest) {
		return 0
	}
	return int64(max(newest.Ms-last.Ms, 1))
}
