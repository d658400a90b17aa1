package spectators

import "time"

// With Config.CheckEvery most clients check nothing: once they have their
// snapshot, the kernel throws away what they are sent (tcp(7), MSG_TRUNC). The
// server and the kernel's sending half do all that they do for a client that
// reads, and the receiving one all but the copy. It goes unseen where a frame
// ends, so that there is no way back to reading.

const (
	unreadEvery = 10 * time.Second       // each of them says so often, at least, that it is there
	unreadStep  = 100 * time.Millisecond // and they do so by turns
)

// checks decides for a new client of an event whether it is one that checks:
// the first of each event and every CheckEvery-th from there, and every slow one.
func (s *Swarm) checks(event int32, slow bool) bool {
	if s.cfg.CheckEvery <= 1 || slow {
		return true
	}
	n := s.came[event]
	s.came[event]++
	return n%s.cfg.CheckEvery == 0
}

// unread reports whether what k is sent is not looked at.
func (k *client) unread() bool { return k.blind && k.state == stateJoined }

// welcome takes the time between two pings of the server, which those who do not
// see them have to be heard in.
func (s *Swarm) welcome(heartbeat time.Duration) {
	if heartbeat > 0 {
		s.heardIn = min(unreadEvery, heartbeat)
	}
}

// stayHeard sends a pong nobody has asked for (RFC 6455, section 5.5.3) for those
// of them whose turn has come since the last call.
func (s *Swarm) stayHeard(now time.Time) {
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
