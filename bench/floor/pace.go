package floor

import (
	"fmt"
	"time"
)

// between is the time between two writes to one connection, in ms. Who writes
// more rarely puts more into each write, and looks cheaper per delivery.
func (l *load) between(r result) float64 {
	return float64(l.Conns) * float64(r.Wall) / float64(time.Millisecond) / r.Writes
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
