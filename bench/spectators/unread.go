package spectators

import "time"

// With Config.CheckEvery most clients check nothing: once they have their
// snapshot, the kernel throws away what they are sent (tcp(7), MSG_TRUNC). The
// server and the sending half of the kernel do the same work as for a client
// that reads, the receiving half all but the copy. Where a frame ends is not
// known then, so such a client cannot begin to read again.

const (
	unreadEvery = 10 * time.Second       // each of them sends a pong at least so often
	unreadStep  = 100 * time.Millisecond // between two groups of them
)

// checks decides for a new client of an event whether it is one that checks:
// the first of each event and every CheckEvery-th from there, and every slow one.
func (s *Group) checks(event int32, slow bool) bool {
	if s.cfg.CheckEvery <= 1 || slow {
		return true
	}
	n := s.came[event]
	s.came[event]++
	return n%s.cfg.CheckEvery == 0
}

// unread reports whether what k is sent is thrown away.
func (k *client) unread() bool { return k.blind && k.state == stateJoined }

// welcome takes note of the time between two pings of the server. Within it,
// clients that do not see the pings have to send a pong.
func (s *Group) welcome(heartbeat time.Duration) {
	if heartbeat > 0 {
		s.heardIn = min(unreadEvery, heartbeat)
	}
}

// stayHeard sends an unsolicited pong (RFC 6455, section 5.5.3) for those of them
// whose turn it has become since the last call.
func (s *Group) stayHeard(now time.Time) {
	since, n := now.Sub(s.heardAt), len(s.clients)
	if s.cfg.CheckEvery <= 1 || n == 0 || since < unreadStep {
		return
	}
	s.heardAt = now
	for range int(min(1, since.Seconds()/s.heardIn.Seconds())*float64(n)) + 1 {
		s.heard = (s.heard + 1) % n
		if k := &s.clients[s.heard]; k.unread() {
			s.send(k, opPong, nil)
		}
	}
}
