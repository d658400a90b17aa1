package shard

import "time"

// wakeTimer wakes a shard when the next thing is due. A shard sleeps after every batch,
// mostly until the same moment as before. A timer with a channel would enter and leave
// the runtime's heap each time, and a sleeping thread would wake to look at it. This
// timer stays in the heap until the moment changes. Only the goroutine that has the
// shard's turn may call its methods.
type wakeTimer struct {
	timer *time.Timer
	due   int64 // when it fires, or has fired, on the core's clock; never if it is stopped
}

// timerSkew is by how much the runtime's clock and the core's clock may differ on
// whether the timer has fired.
const timerSkew = int64(time.Millisecond)

// newWakeTimer makes a timer that calls f on a goroutine of the runtime.
func newWakeTimer(f func()) *wakeTimer {
	t := &wakeTimer{timer: time.AfterFunc(time.Hour, f), due: never}
	t.stop()
	return t
}

// set has the timer fire at a moment of the core's clock, which reads now; never means
// not at all. A moment within timerSkew is set again even if it is the same: the timer
// may have fired for it already, and would not wake the shard another time.
func (t *wakeTimer) set(at, now int64) {
	if at == t.due && (at == never || at > now+timerSkew) {
		return
	}
	t.due = at
	if at == never {
		t.stop()
		return
	}
	t.timer.Reset(time.Duration(max(at-now, 0)))
}

func (t *wakeTimer) stop() { t.timer.Stop() }
