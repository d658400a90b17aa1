package archive

import (
	"context"
	"time"

	"pitwall/engine/internal/redis"
)

// checkTrimmed reads the state of the stream, and counts and logs what trimming has
// removed. Two goroutines call it. It holds the lock during the read, so that their
// states are compared in order and no loss is counted twice.
func (m *monitor) checkTrimmed(ctx context.Context) (redis.StreamState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.client.State(ctx, m.stream, Group)
	if err != nil || !s.Group {
		return s, err
	}
	now := time.Now()
	if l := m.gap.update(s); l.most > 0 {
		m.meters.lost.Add(int(l.least))
		m.unreported.add(l)
	}
	if m.unreported.most > 0 {
		if _, ok := m.lossLog.Allow(now); ok {
			m.log.Error("records were trimmed from the stream before they were delivered to the archive: they are lost; let the stream keep more (MAXLEN, MINID)",
				"at_least", m.unreported.least, "at_most", m.unreported.most, "or_more", m.unreported.open, "after", s.Delivered.String(), "first", s.First.String())
			m.unreported = loss{}
		}
	}
	if s.Pending.Count > 0 && s.Pending.Oldest.Less(firstKept(s)) {
		if n, ok := m.pendingLog.Allow(now); ok {
			m.log.Warn("records that are not archived yet were trimmed from the stream: only the process that holds them can still write them",
				"oldest", s.Pending.Oldest.String(), "first", s.First.String(), "times", n)
		}
	}
	if trimmingNear(s) {
		if n, ok := m.nearLog.Allow(now); ok {
			m.log.Warn("more than half of what the stream keeps is not archived yet: records that are trimmed before they are archived are lost",
				"kept_ms", msBetween(s.Last, s.First), "lag_ms", lagOf(s), "times", n)
		}
	}
	return s, nil
}

// firstKept returns the id of the first entry of the stream; of an empty stream, the
// id after the last one.
func firstKept(s redis.StreamState) redis.ID {
	if s.Length == 0 {
		return s.Last.Next()
	}
	return s.First
}

// nearLag is the least lag for which the log warns of trimming.
const nearLag = 2 * time.Second

// trimmingNear reports whether more than half of what a trimmed stream keeps is not
// archived yet.
func trimmingNear(s redis.StreamState) bool {
	lag := lagOf(s)
	return s.Added > s.Length && lag > nearLag.Milliseconds() && 2*lag > msBetween(s.Last, s.First)
}

// lagOf returns the length, in ms by the times in its ids, of the part of the stream
// that is not known to be in the table and that trimming could remove. The metric
// shows [monitor.lagAge] instead, which also grows while nothing is added.
func lagOf(s redis.StreamState) int64 {
	done := s.Delivered
	if s.Pending.Count > 0 {
		done = s.Pending.Oldest
	} else if done.IsZero() {
		done = s.First // nothing was delivered
	}
	if s.Length == 0 && s.Pending.Count == 0 {
		return 0
	}
	return msBetween(s.Last, done)
}

// msBetween returns the milliseconds from done to newest, at least 0.
func msBetween(newest, done redis.ID) int64 {
	if newest.Ms <= done.Ms {
		return 0
	}
	return int64(newest.Ms - done.Ms)
}
