package spectators

import (
	"time"

	"pitwall/bench/internal/wire"
)

// With Config.CheckEvery most clients check nothing: once they have their snapshot,
// the kernel discards what they receive (MSG_TRUNC in tcp(7)). The server and the
// sending half of the kernel do the same work as for a client that reads. The
// receiving half does all of it except the copy. Such a client cannot start to read
// again, as it does not know where a frame ends.

const (
	pongEvery = 10 * time.Second       // each of these clients sends a pong within this time
	pongStep  = 100 * time.Millisecond // between two groups of pongs
)

// checks decides whether a new client of an event checks: the first one of each
// event, every CheckEvery-th after it, and every slow one.
func (s *Group) checks(event int32, slow bool) bool {
	if s.cfg.CheckEvery <= 1 || slow {
		return true
	}
	n := s.fastOf[event]
	s.fastOf[event]++
	return n%s.cfg.CheckEvery == 0
}

// discards reports whether the kernel discards what k receives.
func (k *client) discards() bool { return k.skips && k.state == stateJoined }

// welcome notes the interval of the server's pings. Clients that do not see the
// pings must send a pong within it.
func (s *Group) welcome(heartbeat time.Duration) {
	if heartbeat > 0 {
		s.pongWithin = min(pongEvery, heartbeat)
	}
}

// sendPongs sends unsolicited pongs (RFC 6455, section 5.5.3) for the clients whose turn
// has come since the last call. Each client has a turn within pongWithin.
func (s *Group) sendPongs(now time.Time) {
	since, n := now.Sub(s.pongAt), len(s.clients)
	if s.cfg.CheckEvery <= 1 || n == 0 || since < pongStep {
		return
	}
	s.pongAt = now
	for range int(min(1, since.Seconds()/s.pongWithin.Seconds())*float64(n)) + 1 {
		s.ponged = (s.ponged + 1) % n
		if k := &s.clients[s.ponged]; k.discards() {
			s.send(k, wire.Pong, nil)
		}
	}
}
