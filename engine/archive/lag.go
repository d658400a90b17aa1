package archive

import (
	"context"
	"time"

	"pitwall/engine/internal/pace"
)

// lagEvery is how often the lag is measured.
const lagEvery = time.Second

// houseEvery is how often consumers of processes that are gone are looked for.
const houseEvery = time.Minute

// oversee measures each stream's lag and keeps the group's house until ctx
// ends. A failure is told by the readers, which use the same server.
func (a *Archive) oversee(ctx context.Context, watches []*watch) {
	var nextHouse time.Time
	for {
		for _, w := range watches {
			w.measure(ctx, a.opt.DeadMaxLen)
		}
		if now := time.Now(); !now.Before(nextHouse) {
			nextHouse = now.Add(houseEvery)
			for _, w := range watches {
				w.removeConsumers(ctx, a.opt.ConsumerIdle)
			}
		}
		if pace.Sleep(ctx, lagEvery) != nil {
			return
		}
	}
}

// measure sets the gauges of a stream.
func (w *watch) measure(ctx context.Context, maxDead int64) {
	s, err := w.look(ctx)
	if err != nil {
		return
	}
	w.lag.Set(float64(lagOf(s)))
	w.health.lags(w.stream, lagOf(s))
	letters, err := w.client.Length(ctx, w.deadKey)
	if err != nil {
		return
	}
	w.letters.Set(float64(letters))
	if letters*10 < maxDead*8 {
		return
	}
	if n, ok := w.full.Tell(time.Now()); ok {
		w.log.Warn("the dead letters come near DEAD_MAXLEN: beyond it the oldest are thrown away; see pitwall dead list",
			"dead", w.deadKey, "letters", letters, "dead_maxlen", maxDead, "times", n)
	}
}

// removeConsumers takes the consumers of processes that are long gone off the
// group, if nothing pends on them.
func (w *watch) removeConsumers(ctx context.Context, idle time.Duration) {
	n, err := w.client.RemoveIdleConsumers(ctx, w.stream, Group, idle)
	if err == nil && n > 0 {
		w.log.Info("consumers that were idle for long and had nothing pending were removed", "consumers", n, "idle", idle)
	}
}
