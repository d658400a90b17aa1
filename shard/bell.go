package shard

import "time"

// bell wakes a shard when the next thing is due. A shard waits after every
// batch, mostly for the moment that it waited for before. A timer's channel
// would be put into the runtime's heap and taken out for each such wait, and
// each time a sleeping thread be woken to see it; this timer stays where it is
// until the moment changes.
type bell struct {
	timer *time.Timer
	at    int64 // when it rings, or has rung, on the core's clock; never when it does not
}

// rungEarly is by how much the runtime's clock and the core's may differ on
// whether the bell has rung.
const rungEarly = int64(time.Millisecond)

// newBell makes a bell that rings by a call of f, on a goroutine of the
// runtime's.
func newBell(f func()) *bell {
	b := &bell{timer: time.AfterFunc(time.Hour, f), at: never}
	b.stop()
	return b
}

// set has it ring at a moment of the core's clock, which stands at now; never
// for not at all.
func (b *bell) set(at, now int64) {
	if at == b.at && (at == never || at > now+rungEarly) {
		return
	}
	b.at = at
	if at == never {
		b.stop()
		return
	}
	b.timer.Reset(time.Duration(max(at-now, 0)))
}

func (b *bell) stop() { b.timer.Stop() }
