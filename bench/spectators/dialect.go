package spectators

import (
	"bytes"
	"fmt"
)

// Dialects are how to subscribe. Positions are found in any envelope.
const (
	dialectPitwall    = "pitwall"
	dialectPlain      = "plain"      // Pitwall's subscribe, whatever the answer
	dialectCentrifuge = "centrifuge" // its JSON protocol, version 2
	dialectNATS       = "nats"       // its own protocol in binary frames
)

// subscription is what a client sends after the handshake.
func (s *Group) subscription(k *client) (op byte, text string) {
	event := s.cfg.Events[k.event].Name
	switch s.cfg.Dialect {
	case dialectCentrifuge:
		return opText, `{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"event:` + event + `"}}`
	case dialectNATS:
		return opBinary, `CONNECT {"verbose":false,"pedantic":false}` + "\r\nSUB event." + event + " 1\r\nPING\r\n"
	}
	if s.cfg.Interval > 0 {
		return opText, fmt.Sprintf(`{"type":"subscribe","id":"1","topic":"event:%s","interval":%d}`, event, s.cfg.Interval)
	}
	return opText, `{"type":"subscribe","id":"1","topic":"event:` + event + `"}`
}

// foreign takes a message of a server that is not Pitwall. Its first answer
// after the subscription confirms that.
func (s *Group) foreign(k *client, m []byte, now int64) {
	found := s.check.scan(m, func(p item) { s.check.one(k, p, now) })
	switch s.cfg.Dialect {
	case dialectCentrifuge:
		if len(bytes.TrimSpace(m)) == 2 { // {} is its ping
			s.send(k, opText, []byte("{}"))
			return
		}
		if !bytes.Contains(m, []byte(`"id":2`)) {
			return
		}
	case dialectNATS:
		if bytes.HasPrefix(m, []byte("PING")) {
			s.send(k, opBinary, []byte("PONG\r\n"))
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
