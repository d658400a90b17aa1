package live

import (
	"cmp"
	"slices"
	"time"
)

// SlowConnection is a connection that has to wait for its client, or has lagged.
type SlowConnection struct {
	ID       uint64
	Client   any           // what Access.Authenticate returned for it
	Address  string        // an IPv4 address or an IPv6 /64; "" if unknown
	Queued   int64         // bytes that are not written, and what else is held for it alone
	Age      time.Duration // of its oldest unsent frame; 0: nothing waits for the socket
	Lagged   int           // how often its queue was dropped, and it got what changed instead
	Finished bool          // it is being closed
}

// Slowest returns at most most connections that wait for their client or have lagged:
// those whose oldest unsent frame is oldest first, then by bytes, then by how often they
// have lagged. It looks at every connection, without a lock, and allocates for those that
// it returns only. Any goroutine may call it; the caller must bound how often.
func (srv *Server) Slowest(most int) []SlowConnection {
	worst := make([]SlowConnection, 0, most+1)
	now := srv.core.Now()
	srv.sessions.Range(func(_ uint64, s *session) bool {
		x := SlowConnection{ID: s.id, Lagged: s.conn.Recoveries()}
		if s.conn.Lagged() {
			x.Lagged++
		}
		if since := s.waitsSince.Load(); since != 0 {
			x.Age = max(time.Duration(now-since), 1)
		}
		if x.Age == 0 && x.Lagged == 0 {
			return true
		}
		_, unsent := s.conn.Queued()
		x.Queued = int64(unsent) + s.private()
		at, _ := slices.BinarySearchFunc(worst, x, slower)
		if at == most {
			return true
		}
		x.Client, x.Finished = s.sock.client, s.closing()
		if s.addr != (addrKey{}) {
			x.Address = s.addr.text()
		}
		worst = slices.Insert(worst, at, x)
		worst = worst[:min(len(worst), most)]
		return true
	})
	return worst
}

// slower orders connections, the slowest first.
func slower(a, b SlowConnection) int {
	return cmp.Or(cmp.Compare(b.Age, a.Age), cmp.Compare(b.Queued, a.Queued), cmp.Compare(b.Lagged, a.Lagged), cmp.Compare(a.ID, b.ID))
}

// text is the address, or the /64 of an IPv6 address.
func (k addrKey) text() string {
	if k.prefix.Addr().Is4() {
		return k.prefix.Addr().String()
	}
	return k.prefix.String()
}
