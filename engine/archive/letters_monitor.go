package archive

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/redis"
)

// fullLogEvery is the interval of the warning that the dead letters are near their
// bound.
const fullLogEvery = 10 * time.Minute

// countLetters counts the dead letters, and reports a key of another type.
func (m *monitor) countLetters(ctx context.Context) {
	letters, err := m.client.Length(ctx, m.deadKey)
	if err != nil {
		if ctx.Err() == nil && redis.IsRefused(err) { // the lag shows an unreachable server
			m.health.letterKey.Fault(fmt.Errorf("the key %s cannot hold dead letters: %w", m.deadKey, err))
		}
		return
	}
	m.health.letterKey.OK()
	m.lettersGauge.Set(float64(letters))
	size := m.trimLetters(ctx)
	if letters*10 < m.maxLetters*8 && size*10 < m.maxLetterBytes*8 {
		return
	}
	if n, ok := m.fullLog.Allow(time.Now()); ok {
		m.log.Warn("the dead letters are near DEAD_MAXLEN or DEAD_MAXBYTES: beyond these bounds the oldest are deleted; see pitwall dead list",
			"dead", m.deadKey, "letters", letters, "dead_maxlen", m.maxLetters, "bytes", size, "dead_maxbytes", m.maxLetterBytes, "times", n)
	}
}

// trimLetters deletes the oldest dead letters beyond DEAD_MAXBYTES, and returns how
// many bytes are left, 0 when that is not known. The number of letters is bounded
// where they are written. Their bytes are checked here as well, because letters
// may also be added by hand.
func (m *monitor) trimLetters(ctx context.Context) (size int64) {
	size, gone, err := m.client.BoundBytes(ctx, m.deadKey, m.maxLetterBytes)
	if err != nil || size == redis.Unknown {
		return 0 // missing rights are reported elsewhere; the embedded server has its own bound
	}
	m.bytesGauge.Set(float64(size))
	if gone > 0 {
		if n, ok := m.trimLog.Allow(time.Now()); ok {
			m.log.Warn("the oldest dead letters were deleted, because all of them together exceeded DEAD_MAXBYTES",
				"dead", m.deadKey, "letters", gone, "bytes", size, "dead_maxbytes", m.maxLetterBytes, "times", n)
		}
	}
	return size
}

// checkLetterRights asks whether the login may write dead letters, without writing
// one.
func (m *monitor) checkLetterRights(ctx context.Context) {
	err := m.client.CheckRights(ctx, letterRights(m.deadKey))
	if err == nil {
		m.health.letterPermission.OK()
	} else if ctx.Err() == nil && !redis.IsConnection(err) {
		m.health.letterPermission.Fault(fmt.Errorf("dead letters cannot be written to %s: %w", m.deadKey, err))
	}
}
