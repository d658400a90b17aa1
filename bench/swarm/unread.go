package swarm

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// With Config.CheckEvery most clients check nothing: once they have their
// snapshot, the kernel throws away what they are sent. The server and the
// kernel's sending half do all that they do for a client that reads, and the
// receiving one all but the copy, so that a machine that is its own client
// spends on clients what is left of it when they are elsewhere.

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

// discard has the kernel throw away what a socket holds (tcp(7), MSG_TRUNC). It
// goes unseen where a frame ends, so that there is no way back to reading.
func (s *Swarm) discard(k *client) {
	k.rest = nil
	n, _, err := unix.Recvfrom(k.fd, s.buf, unix.MSG_TRUNC)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
	case err != nil:
		s.lose(k, "read: "+err.Error())
	case n <= 0:
		s.lose(k, "the server closed it")
	default:
		s.check.counts.Reads++
		s.check.counts.Bytes += int64(n)
		s.check.counts.Unread += int64(n)
	}
}

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
	since := now.Sub(s.heardAt)
	if s.cfg.CheckEvery <= 1 || since < unreadStep {
		return
	}
	s.heardAt = now
	for range int(min(1, since.Seconds()/s.heardIn.Seconds())*float64(len(s.clients))) + 1 {
		if s.heard++; s.heard >= len(s.clients) {
			s.heard = 0
		}
		if s.heard < len(s.clients) && s.clients[s.heard].unread() {
			s.send(&s.clients[s.heard], opPong, nil)
		}
	}
}
