package live

import (
	"context"
	"net"
	"time"

	"pitwall/engine/internal/pace"
)

// How long new connections wait, by how late positions are. Lateness is measured in
// windows as configured: the window in force grows with the number of newcomers.
const (
	lateThreshold  = 1.25                  // windows: up to here nobody waits
	leastWindow    = 20 * time.Millisecond // counts in place of a shorter window
	pausePerWindow = time.Millisecond      // for each window beyond lateThreshold
	longestPause   = 4 * time.Millisecond
)

// PaceListener returns l with an Accept that admits new connections only as fast as the
// server can serve them beside the existing ones. While the flush window is longer
// than configured (see adaptWindow), or a writer's drain pass takes longer than the
// configured window, Accept pauses before each connection: the later positions are,
// the longer. The longest pause still admits some 200 connections a second, so that
// even an undersized server lets people in. The others wait in the kernel's accept
// queue (net.core.somaxconn), where they cost nothing. A client that finds that queue
// full tries again after a second.
//
// Lateness follows the window in force, since that reflects the drain passes of all
// writers and shrinks slowly: newcomers are admitted evenly. Call PaceListener before
// Run.
func (srv *Server) PaceListener(l net.Listener) net.Listener {
	return &pacedListener{l, srv, max(srv.core.Window(), leastWindow)}
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
		_ = pace.Sleep(context.Background(), d) // too short to need cancelling
	}
	return l.Listener.Accept()
}

// lateness is how long positions may wait for existing connections: the window in
// force, or the current drain pass if that is longer.
func (srv *Server) lateness() time.Duration {
	now, longest := srv.core.Now(), srv.core.Window()
	for _, p := range srv.passes {
		longest = max(longest, p.underWay(now))
	}
	return longest
}

// pauseFor is how long one new connection waits.
func pauseFor(lateness, window time.Duration) time.Duration {
	beyond := lateness.Seconds()/window.Seconds() - lateThreshold
	return time.Duration(min(max(beyond, 0)*float64(pausePerWindow), float64(longestPause)))
}
