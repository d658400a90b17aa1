package spectators

import (
	"bytes"
	"fmt"
	"time"
)

// field returns the number after a key of m, 0 without the key.
func field(m []byte, key string) int64 {
	i := bytes.Index(m, []byte(key))
	if i < 0 {
		return 0
	}
	v, _ := number(m[i+len(key):])
	return v
}

// message takes one message of the server.
func (s *Group) message(k *client, m []byte, now int64) {
	if s.check.position(k, m, now) {
		return
	}
	if s.cfg.Dialect != dialectPitwall {
		s.foreign(k, m, now)
		return
	}
	head := m[:min(len(m), 200)]
	switch kind, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte(`{"type":"`)), []byte(`"`)); string(kind) {
	case "welcome":
		s.welcome(time.Duration(field(head, `"heartbeatMs":`)) * time.Millisecond)
	case "positions":
		s.check.scan(m, func(p item) { s.check.one(k, p, now) })
	case "position":
		s.check.counts.Foreign++ // without a number: not of the harness
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
		s.check.moved(k, m)
	case "error":
		s.refused(fmt.Sprintf("the server answers %s", head))
	}
}

// snapshot takes one part.
func (s *Group) snapshot(k *client, m []byte, now int64) {
	s.check.scan(m, func(p item) { s.check.known(k, p) })
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

// join notes that a client has its whole snapshot.
func (s *Group) join(k *client, now int64) {
	k.state = stateJoined
	s.joined++
	s.joins.Record(now - k.due)
	s.watchSlow(k)
}

func (s *Group) refused(what string) {
	s.check.counts.Refused++
	if s.fault == "" {
		s.fault = what
	}
}
