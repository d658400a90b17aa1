package attack

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Attacks before the upgrade.

// watchEnd starts a goroutine that waits for the end of the connection.
func (a *attacker) watchEnd() {
	c := a.conn
	a.reading.Go(func() {
		defer close(c.closed)
		_, err := io.Copy(io.Discard, c.r)
		if err == nil {
			err = io.EOF
		}
		a.note(ending(err))
	})
}

// ended reports whether there is no connection, or its reader has seen its end.
func (a *attacker) ended() bool {
	if a.conn == nil {
		return true
	}
	select {
	case <-a.conn.closed:
		return true
	default:
		return false
	}
}

// hold opens a connection and sends nothing.
func (a *attacker) hold() {
	if a.ended() && a.dial(false) {
		a.made(1)
		a.watchEnd()
	}
}

// dripRequest sends the next byte of a request.
func (a *attacker) dripRequest() {
	a.hold()
	if a.conn == nil {
		return
	}
	request := a.upgrade(a.s.cfg.Good)
	_ = a.conn.SetWriteDeadline(time.Now().Add(waitLimit))
	if _, err := a.conn.Write(request[a.conn.sent : a.conn.sent+1]); err == nil {
		a.conn.sent = min(a.conn.sent+1, len(request)-2) // the request is never complete
	}
}

// longHeader is a request with a header far beyond any limit.
var longHeader = append([]byte("GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: "), bytes.Repeat([]byte("a"), 64<<10)...)

// sendLongHeader sends a header that is too long, and waits for the answer.
func (a *attacker) sendLongHeader() {
	if !a.dial(false) {
		return
	}
	a.made(1)
	_ = a.conn.SetWriteDeadline(time.Now().Add(waitLimit))
	_, _ = a.conn.Write(longHeader) // may fail half way; the answer counts
	if _, ok := a.answer(); ok {
		a.hangUp()
	}
}

// listEvents asks for the events without a token.
func (a *attacker) listEvents() {
	a.request(func(int) []byte {
		return fmt.Appendf(nil, "GET /events.json HTTP/1.1\r\nHost: %s\r\n\r\n", a.s.cfg.Addr)
	})
}

// useWrongTokens asks to upgrade with wrong tokens.
func (a *attacker) useWrongTokens() {
	a.request(func(i int) []byte {
		return a.upgrade(a.s.cfg.Wrong[(a.attempts*a.kind.burst+i)%len(a.s.cfg.Wrong)])
	})
}

// request sends a burst of HTTP requests on one connection and reads the answers.
func (a *attacker) request(text func(i int) []byte) {
	if a.conn == nil && !a.dial(false) {
		return
	}
	var batch []byte
	for i := range a.kind.burst {
		batch = append(batch, text(i)...)
	}
	if !a.write(batch) {
		return
	}
	a.made(a.kind.burst)
	for range a.kind.burst {
		switch status, ok := a.answer(); {
		case !ok:
			return
		case status == http.StatusSwitchingProtocols:
			a.note(LetIn)
			a.hangUp()
			return
		}
	}
}
