package archive

import (
	"context"
	"time"

	"pitwall/engine/internal/redis"
)

// lagEvery is how often the lag is measured.
const lagEvery = time.Second

// measureLag sets the lag of each stream until ctx ends. A failure is told by
// the readers, which use the same server.
func (a *Archive) measureLag(ctx context.Context) {
	gauges := a.meters.lagGauges(a.opt.Streams)
	for {
		for i, stream := range a.opt.Streams {
			if ms, err := a.lag(ctx, stream); err == nil {
				gauges[i].Set(float64(ms))
			}
		}
		if sleep(ctx, lagEvery) != nil {
			return
		}
	}
}

// lag returns by how many milliseconds of the stream's own time the table is
// behind: the newest entry's time less that of the last one known to be in it.
// It looks at the whole group, other processes included.
func (a *Archive) lag(ctx context.Context, stream string) (int64, error) {
	pending, err := a.opt.Client.PendingSummary(ctx, stream, Group)
	if err != nil {
		return 0, err
	}
	done, _, err := a.opt.Client.GroupLastDelivered(ctx, stream, Group)
	if err != nil {
		return 0, err
	}
	if pending.Count > 0 {
		done = pending.Oldest
	} else if done.IsZero() {
		// Nothing was delivered: the first entry waits, if there is one.
		if done, err = a.opt.Client.FirstID(ctx, stream); err != nil {
			return 0, err
		}
	}
	newest, err := a.opt.Client.LastID(ctx, stream)
	if err != nil {
		return 0, err
	}
	return behind(newest, done), nil
}

// behind returns the milliseconds from done to newest, at least 0.
func behind(newest, done redis.ID) int64 {
	if newest.Ms <= done.Ms {
		return 0
	}
	return int64(newest.Ms - done.Ms)
}
