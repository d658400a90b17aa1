package live

import (
	"net"
	"time"
)

// Bounds of how newcomers wait. What counts as late is measured in the flush
// window that was configured, which a crowd cannot raise.
const (
	lateFrom  = 1.25                  // windows: below it nobody waits
	lateLeast = 20 * time.Millisecond // stands for a shorter window
	latePause = time.Millisecond      // for each window beyond lateFrom
	pauseMost = 4 * time.Millisecond
)

// Paced returns l with an Accept that takes newcomers in as fast as the server
// can serve them beside those who are there. While the flush window has had to
// stretch (see stretch), or a writer's sweep lasts longer than the window that
// was configured, each newcomer waits a moment, the longer the later positions
// are: at twice the window 1,300 a second come in, and never fewer than some
// 200, so that a server which is too small still lets people in. The others
// wait in the kernel's queue (net.core.somaxconn), where they cost nothing; who
// finds it full tries again after a second.
//
// The window in force says it best: it follows the sweeps of all writers, and
// comes back slowly, so that a crowd is let in evenly. Call it before Run.
func (srv *Server) Paced(l net.Listener) net.Listener {
	return &pacedListener{l, srv, max(srv.core.Window(), lateLeast)}
}

type pacedListener struct {
	net.Listener
	srv    *Server
	window time.Duration // as configured
}

// Accept implements net.Listener.
func (l *pacedListener) Accept() (net.Conn, error) {
	if d := pauseFor(l.srv.late(), l.window); d > 0 {
		l.srv.m.pauses.Inc()
		pause := time.NewTimer(d)
		<-pause.C
	}
	return l.Listener.Accept()
}

// late is how long positions wait at most for those who are there: the window
// in force, or the sweep under way where that is longer.
func (srv *Server) late() time.Duration {
	now, most := srv.core.Now(), srv.core.Window()
	for _, s := range srv.sweeps {
		most = max(most, s.underWay(now))
	}
	return most
}

// pauseFor is how long one newcomer waits.
func pauseFor(late, window time.Duration) time.Duration {
	beyond := late.Seconds()/window.Seconds() - lateFrom
	return time.Duration(min(max(beyond, 0)*float64(latePause), float64(pauseMost)))
}
