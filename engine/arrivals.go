package engine

import (
	"time"

	"pitwall/engine/internal/db"
	"pitwall/engine/live"
)

// marks is what the engine knows of the positions that were marked faulty.
type marks struct {
	applied func() time.Time // nil if nobody notifies of marks
	known   time.Time        // up to here all are applied; the live server's goroutine owns it
}

// arrivals tells the live server up to which moment spectators are sent everything: what
// the streams held, the roster, and which positions were marked faulty. While one of them
// cannot be followed, the moment does not advance.
func (e *Engine) arrivals() live.Arrivals {
	a := e.feed.Arrivals()
	known := e.events.AsOf()
	if e.marks.applied != nil {
		if now := e.marks.applied(); e.isListening(db.ChannelPositions) && now.After(e.marks.known) {
			e.marks.known = now
		}
		if e.marks.known.Before(known) {
			known = e.marks.known
		}
	}
	x := live.Arrivals{Epoch: a.Epoch, Restarts: a.Restarts, Difference: a.Difference.Milliseconds()}
	if !known.IsZero() && !e.leftOff {
		x.Through = max(0, min(a.Through, known.UnixMilli()-x.Difference))
	}
	return x
}

// isListening reports whether notifications on a channel arrive.
func (e *Engine) isListening(channel string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.arrive[channel]
}
