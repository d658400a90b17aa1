package archive

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/redis"
)

// fullLogEvery is the interval at which the log says that the dead letters are near
// their bound.
const fullLogEvery = 10 * time.Minute

// countLetters counts the dead letters. A key of another type is found here.
func (w *monitor) countLetters(ctx context.Context) {
	letters, err := w.client.Length(ctx, w.deadKey)
	if err != nil {
		if ctx.Err() == nil && redis.IsRefused(err) { // a server that is away is reported elsewhere
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

// trimLetters deletes the oldest dead letters beyond DEAD_MAXBYTES, and returns how
// many bytes are left, 0 when that is not known. The number of letters is bounded
// where they are written. Their bytes are checked here as well, because letters
// may also be added by hand.
func (w *monitor) trimLetters(ctx context.Context) (size int64) {
	size, gone, err := w.client.BoundBytes(ctx, w.deadKey, w.maxLetterBytes)
	if err != nil || size == redis.Unknown {
		return 0 // missing rights are reported elsewhere; the embedded server has its own bound
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

// checkLetterRights asks whether the login may write dead letters, without writing
// one.
func (w *monitor) checkLetterRights(ctx context.Context) {
	err := w.client.CheckRights(ctx, letterRights(w.deadKey))
	if err == nil {
		w.health.letterPermission.OK()
	} else if ctx.Err() == nil && !redis.IsConnection(err) {
		w.health.letterPermission.Fault(fmt.Errorf("dead letters cannot be written to %s: %w", w.deadKey, err))
	}
}
