package live

import (
	"net"
	"time"
)

// arrivalPause is how long one newcomer waits at most while the server is
// behind: two hundred a second come in whatever happens. The others wait in
// the kernel's queue, where they cost nothing.
const arrivalPause = 5 * time.Millisecond

// behindLeast is the shortest sweep that counts as being behind.
const behindLeast = 20 * time.Millisecond

// Paced returns l with an Accept that takes newcomers in as fast as the server
// can serve them beside those who are there: while a writer's sweep lasts
// longer than the flush window, or a shard is crowded, it pauses before each.
// A crowd that comes at once is then served one after the other instead of
// holding up everybody's positions.
//
// It does little so far: the flush window stretches before a sweep is longer,
// so that 10,000 who come within 5 s meet some 40 pauses, and no gain for those
// who are there was measured (bench/README.md, with and without pauses).
func (srv *Server) Paced(l net.Listener) net.Listener { return &pacedListener{l, srv} }

type pacedListener struct {
	net.Listener
	srv *Server
}

// Accept implements net.Listener.
func (l *pacedListener) Accept() (net.Conn, error) {
	if l.srv.behind() {
		l.srv.m.pauses.Inc()
		pause := time.NewTimer(arrivalPause)
		<-pause.C
	}
	return l.Listener.Accept()
}

// behind reports whether those who are there get their positions late.
func (srv *Server) behind() bool {
	limit := max(srv.core.Window(), behindLeast)
	now := srv.core.Now()
	for i := range srv.sweeps {
		if srv.sweeps[i].underWay(now) > limit {
			return true
		}
	}
	return srv.core.Crowded()
}
