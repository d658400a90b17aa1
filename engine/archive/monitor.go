package archive

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// lagEvery is how often the lag is measured.
const lagEvery = time.Second

// houseEvery is how often consumers of processes that are gone are looked for.
const reapEvery = time.Minute

// oversee measures the stream's lag, looks after its dead letters and keeps the
// group's house until ctx ends.
func (w *monitor) run(ctx context.Context, idle time.Duration) {
	var nextHouse, nextRights time.Time
	for {
		w.updateLag(ctx)
		now := time.Now()
		if !now.Before(nextRights) {
			nextRights = now.Add(redis.RightsEvery)
			w.checkLetterRights(ctx)
		}
		if !now.Before(nextHouse) {
			nextHouse = now.Add(reapEvery)
			w.reapConsumers(ctx, idle)
		}
		if pace.Sleep(ctx, lagEvery) != nil {
			return
		}
	}
}

// measure sets the gauges of the stream. A lag that cannot be measured is the
// last one plus the time since.
func (w *monitor) updateLag(ctx context.Context) {
	lag, err := w.lagAge(ctx)
	switch {
	case err == nil:
		w.lag.Measured(lag)
		w.health.setLag(lag)
	case ctx.Err() == nil:
		w.health.setLag(w.lag.Missed())
	}
	w.countLetters(ctx)
}

// age is how long the first entry that is not known to be in the table has been
// in the stream, by the server's clock, and 0 when there is none. It speaks of
// the whole group, other processes included.
func (w *monitor) lagAge(ctx context.Context) (time.Duration, error) {
	s, err := w.checkTrimmed(ctx)
	if err != nil {
		return 0, err
	}
	if s.Pending.Count > 0 {
		return w.client.Age(ctx, w.stream, s.Pending.Oldest)
	}
	return w.client.Waiting(ctx, w.stream, s.Delivered)
}

// countLetters counts the dead letters. A key of another type shows here.
func (w *monitor) countLetters(ctx context.Context) {
	letters, err := w.client.Length(ctx, w.deadKey)
	if err != nil {
		if ctx.Err() == nil && redis.IsRefused(err) { // a server that is away is a fault of its own
			w.health.letterKey.Fault(fmt.Errorf("the key %s cannot hold dead letters: %w", w.deadKey, err))
		}
		return
	}
	w.health.letterKey.OK()
	w.lettersGauge.Set(float64(letters))
	size := w.trimLetters(ctx)
	if letters*10 < w.maxLetters*8 && size*10 < w.maxLetterBytes*8 {
		return
	}
	if n, ok := w.fullLog.Allow(time.Now()); ok {
		w.log.Warn("the dead letters come near DEAD_MAXLEN or DEAD_MAXBYTES: beyond them the oldest are thrown away; see pitwall dead list",
			"dead", w.deadKey, "letters", letters, "dead_maxlen", w.maxLetters, "bytes", size, "dead_maxbytes", w.maxLetterBytes, "times", n)
	}
}

// boundLetters throws away the oldest dead letters beyond DEAD_MAXBYTES, and
// returns how many bytes there are, 0 when nobody knows. Their number is bounded
// where they are written; bytes change by hand as well.
func (w *monitor) trimLetters(ctx context.Context) (size int64) {
	size, gone, err := w.client.BoundBytes(ctx, w.deadKey, w.maxLetterBytes)
	if err != nil || size == redis.Unknown {
		return 0 // the rights are looked at elsewhere; the embedded server has a bound of its own
	}
	w.bytesGauge.Set(float64(size))
	if gone > 0 {
		if n, ok := w.trimLog.Allow(time.Now()); ok {
			w.log.Warn("the oldest dead letters were thrown away, since all of them had more than DEAD_MAXBYTES",
				"dead", w.deadKey, "letters", gone, "bytes", size, "dead_maxbytes", w.maxLetterBytes, "times", n)
		}
	}
	return size
}

// tryLetters asks whether the login may write the dead letters, without writing
// one.
func (w *monitor) checkLetterRights(ctx context.Context) {
	err := w.client.CheckRights(ctx, letterRights(w.deadKey))
	if err == nil {
		w.health.letterPermission.OK()
	} else if ctx.Err() == nil && !redis.IsConnection(err) {
		w.health.letterPermission.Fault(fmt.Errorf("dead letters cannot be written to %s: %w", w.deadKey, err))
	}
}

// removeConsumers takes the consumers of processes that are long gone off the
// group, if nothing pends on them.
func (w *monitor) reapConsumers(ctx context.Context, idle time.Duration) {
	n, err := w.client.RemoveIdleConsumers(ctx, w.stream, Group, idle)
	if err == nil && n > 0 {
		w.log.Info("consumers that were idle for long and had nothing pending were removed", "consumers", n, "idle", idle)
	}
}
