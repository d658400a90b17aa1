package baseline

import (
	"fmt"
	"time"
)

// between is the time between two turns of one connection, in ms. Who comes
// round more rarely puts more into each write, and looks cheaper per delivery.
// Where turns were not counted each write is one, as it is unless sockets are
// full.
func (l *load) between(r result) float64 {
	turns := r.Turns
	if turns == 0 {
		turns = r.Writes
	}
	return float64(l.Conns) * float64(r.Wall) / float64(time.Millisecond) / turns
}

// late says that a bare loop has not kept the window, and nothing where it has
// or where records come too rarely for a write per window.
func (l *load) late(kind string, rs []result) string {
	window := float64(l.Window) / float64(time.Millisecond)
	ms := median(rs, l.between)
	if float64(l.Rate)/float64(l.Events)*l.Window.Seconds() < 2 || ms <= 1.15*window {
		return ""
	}
	return fmt.Sprintf("%s does not keep the window: a socket is written to every %.0f ms, so its figure per delivery is too low; give it more --loops or fewer --conns", kind, ms)
}
