package spectators

import (
	"bytes"
	"cmp"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// field is the number after a key in m, 0 if the key is missing.
func field(m []byte, key string) int64 {
	i := bytes.Index(m, []byte(key))
	if i < 0 {
		return 0
	}
	v, _ := number(m[i+len(key):])
	return v
}

// message takes a message of the server.
func (s *Group) message(k *client, m []byte, now int64) {
	if s.check.frame(k, m, now) {
		return
	}
	if s.cfg.Dialect != dialectPitwall {
		s.otherServer(k, m, now)
		return
	}
	head := m[:min(len(m), 200)]
	switch kind, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte(`{"type":"`)), []byte(`"`)); string(kind) {
	case "welcome":
		s.welcome(time.Duration(field(head, `"heartbeatMs":`)) * time.Millisecond)
	case "positions":
		s.check.scan(m, func(p item) { s.check.live(k, p, now) })
	case "position":
		s.check.counts.Foreign++ // has no number, so it is not of the harness
	case "snapshot":
		s.snapshot(k, m, now)
	case "subscribed":
		k.parts = int(field(head, `"parts":`))
		k.state = stateOpen
		s.open++
		if k.parts == 0 {
			s.join(k, now)
		}
	case "roster":
		s.check.roster(k, m)
	case "error":
		s.refused(fmt.Sprintf("the server answers %s", head))
	}
}

// snapshot takes a part of a snapshot.
func (s *Group) snapshot(k *client, m []byte, now int64) {
	s.check.scan(m, func(p item) { s.check.snapshot(k, p) })
	head := m[:min(len(m), 300)]
	if bytes.Contains(head, []byte(`"reason":"lagged"`)) {
		s.check.counts.Lagged++
		s.check.counts.Conflated += field(head, `"conflated":`)
		return
	}
	if k.parts > 0 {
		if k.parts--; k.parts == 0 {
			s.join(k, now)
		}
	}
}

// join notes that a client has its whole snapshot. A slow client is then no longer
// watched for input, since epoll would report it in every turn.
func (s *Group) join(k *client, now int64) {
	k.state = stateJoined
	s.joined++
	s.joins.Record(now - k.due)
	if k.slow {
		_ = s.watch(unix.EPOLL_CTL_MOD, k.fd, 0) // errors and hang-ups are still reported
	}
}

func (s *Group) refused(what string) {
	s.check.counts.Refused++
	s.fault = cmp.Or(s.fault, what)
}
