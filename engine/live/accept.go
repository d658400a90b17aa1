package live

import (
	"context"
	"net"
	"time"

	"pitwall/engine/internal/pace"
)

// Bounds of how new connections wait. What counts as late is measured in the flush
// window that was configured, which many newcomers cannot make longer.
const (
	lateFrom  = 1.25                  // windows: below it nobody waits
	lateLeast = 20 * time.Millisecond // in place of a shorter window
	latePause = time.Millisecond      // for each window beyond lateFrom
	pauseMost = 4 * time.Millisecond
)

// PaceListener returns l with an Accept that takes new connections as fast as the server
// can serve them beside those that are there. While the flush window is longer than
// configured (see adaptWindow), or a writer's drain pass lasts longer than the window
// that was configured, each new connection waits a moment, the longer the later
// positions are. The longest pause still lets some 200 a second in, so that a server
// which is too small lets people in. The others wait in the kernel's queue
// (net.core.somaxconn), where they cost nothing. A client that finds that full tries
// again after a second.
//
// The window in force says best how late positions are: it follows the drain passes
// of all writers, and comes back slowly, so that many newcomers are let in evenly.
// Call PaceListener before Run.
func (srv *Server) PaceListener(l net.Listener) net.Listener {
	return &pacedListener{l, srv, max(srv.core.Window(), lateLeast)}
}

type pacedListener struct {
	net.Listener
	srv    *Server
	window time.Duration // as configured
}

// Accept implements net.Listener.
func (l *pacedListener) Accept() (net.Conn, error) {
	if d := pauseFor(l.srv.lateness(), l.window); d > 0 {
		l.srv.m.pauses.Inc()
		_ = pace.Sleep(context.Background(), d) // a few milliseconds: nothing cuts it short
	}
	return l.Listener.Accept()
}

// lateness is how long positions wait at most for those who are there: the window
// in force, or the drain pass under way where that is longer.
func (srv *Server) lateness() time.Duration {
	now, most := srv.core.Now(), srv.core.Window()
	for _, p := range srv.passes {
		most = max(most, p.underWay(now))
	}
	return most
}

// pauseFor is how long one new connection waits.
func pauseFor(late, window time.Duration) time.Duration {
	beyond := late.Seconds()/window.Seconds() - lateFrom
	return time.Duration(min(max(beyond, 0)*float64(latePause), float64(pauseMost)))
}
