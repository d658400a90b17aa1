package spectators

import (
	"bytes"
	"fmt"

	"pitwall/bench/internal/wire"
)

// Dialects say how clients subscribe. Positions are found in any envelope.
const (
	dialectPitwall    = "pitwall"
	dialectPlain      = "plain"      // Pitwall's subscribe, any answer
	dialectCentrifuge = "centrifuge" // JSON protocol of centrifuge, version 2
	dialectNATS       = "nats"       // protocol of NATS in binary frames
)

// subscription is what a client sends after the upgrade.
func (s *Group) subscription(k *client) (op byte, text string) {
	event := s.cfg.Events[k.event].Name
	switch s.cfg.Dialect {
	case dialectCentrifuge:
		return wire.Text, `{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"event:` + event + `"}}`
	case dialectNATS:
		return wire.Binary, `CONNECT {"verbose":false,"pedantic":false}` + "\r\nSUB event." + event + " 1\r\nPING\r\n"
	}
	text = `{"type":"subscribe","id":"1","topic":"event:` + event + `"`
	if s.cfg.Interval > 0 {
		text += fmt.Sprintf(`,"interval":%d`, s.cfg.Interval)
	}
	return wire.Text, text + "}"
}

// otherServer takes a message of a server other than Pitwall. Its first answer
// confirms the subscription.
func (s *Group) otherServer(k *client, m []byte, now int64) {
	found := s.check.scan(m, func(p item) { s.check.live(k, p, now) })
	switch s.cfg.Dialect {
	case dialectCentrifuge:
		if len(bytes.TrimSpace(m)) == 2 { // {}, a ping
			s.send(k, wire.Text, []byte("{}"))
			return
		}
		if !bytes.Contains(m, []byte(`"id":2`)) {
			return
		}
	case dialectNATS:
		if bytes.HasPrefix(m, []byte("PING")) {
			s.send(k, wire.Binary, []byte("PONG\r\n"))
			return
		}
		if !bytes.Contains(m, []byte("PONG")) {
			return
		}
	}
	if found == 0 && k.state == stateAsked {
		s.open++
		s.join(k, now)
	}
}
