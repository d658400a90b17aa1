package attack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// waitLimit bounds an attacker's wait for a connection or an answer.
const waitLimit = 5 * time.Second

// attacker is one of a kind, with one connection at a time. It belongs to its
// goroutine.
type attacker struct {
	s        *process
	kind     *Kind
	number   int
	ctx      context.Context
	attempts int // so far

	conn    *conn
	reading sync.WaitGroup // the goroutine that reads from conn, where there is one
}

// conn is a connection of an attacker. It ends with the kind's order.
type conn struct {
	net.Conn
	r       *bufio.Reader
	since   time.Time
	unwatch func() bool
	sent    int           // bytes of the header so far, or of a frame of many
	closed  chan struct{} // by the reader, at the end
}

// run makes the first attempt after first, and the next ones every, until ctx ends.
func (a *attacker) run(ctx context.Context, first, every time.Duration) {
	a.ctx = ctx
	defer a.hangUp()
	wait := time.NewTimer(first)
	defer wait.Stop()
	next := time.Now().Add(first)
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		a.kind.attempt(a)
		a.attempts++
		// An attacker that was held up does not catch up.
		if next = next.Add(every); time.Until(next) < -time.Second {
			next = time.Now()
		}
		wait.Reset(time.Until(next))
	}
}

// source is the attacker's address. Every second one of a kind that holds
// connections uses the first address, so that the limits of one address are
// reached.
func (a *attacker) source() string {
	if a.kind.Held && a.number%2 == 0 {
		return a.s.cfg.Sources[0]
	}
	return a.s.cfg.Sources[a.number%len(a.s.cfg.Sources)]
}

// dial opens the connection; false when that failed. small asks the kernel for
// the smallest receive buffer.
func (a *attacker) dial(small bool) bool {
	a.hangUp()
	d := net.Dialer{Timeout: waitLimit, LocalAddr: &net.TCPAddr{IP: net.ParseIP(a.source())}}
	if small {
		d.Control = func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
			})
		}
	}
	c, err := d.DialContext(a.ctx, "tcp4", a.s.cfg.Addr)
	if err != nil {
		a.note("connect: " + ending(err))
		return false
	}
	a.conn = &conn{Conn: c, r: bufio.NewReaderSize(c, 4096), since: time.Now(), closed: make(chan struct{})}
	a.conn.unwatch = context.AfterFunc(a.ctx, func() { _ = c.Close() })
	return true
}

// hangUp closes the connection and waits for the goroutine that reads of it.
func (a *attacker) hangUp() {
	if a.conn == nil {
		return
	}
	a.conn.unwatch()
	_ = a.conn.Close()
	a.reading.Wait()
	a.conn = nil
}

// note counts an answer, except for those that the order to end has caused.
func (a *attacker) note(text string) {
	if a.ctx.Err() == nil {
		a.s.countAnswer(a.kind.Name, text)
	}
}

// made counts attacks.
func (a *attacker) made(n int) { a.s.countMade(a.kind.Name, n) }

// write sends, within waitLimit; false when the connection has ended.
func (a *attacker) write(b []byte) bool {
	_ = a.conn.SetDeadline(time.Now().Add(waitLimit))
	if _, err := a.conn.Write(b); err != nil {
		a.lose(err)
		return false
	}
	return true
}

// lose takes note of the end of the connection.
func (a *attacker) lose(err error) {
	a.note(ending(err))
	a.hangUp()
}

// ending says how a connection ended.
func ending(err error) string {
	var t interface{ Timeout() bool }
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.As(err, &t) && t.Timeout():
		return "no answer"
	}
	return "other: " + err.Error()
}

// answer reads one HTTP answer and takes note of it.
func (a *attacker) answer() (status int, ok bool) {
	wait := waitLimit
	if a.kind.answerWithin > 0 {
		wait = a.kind.answerWithin // a new connection costs the server more than one that it holds back
	}
	_ = a.conn.SetReadDeadline(time.Now().Add(wait))
	res, err := http.ReadResponse(a.conn.r, nil)
	if err != nil {
		a.lose(err)
		return 0, false
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return res.StatusCode, true
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
	}
	if err != nil {
		a.lose(err)
		return 0, false
	}
	text := fmt.Sprint(res.StatusCode)
	if reason, _, found := strings.Cut(string(body), ":"); found && res.StatusCode != http.StatusOK {
		text += " " + reason
	}
	a.note(text)
	return res.StatusCode, true
}

// enter connects and upgrades with the good token.
func (a *attacker) enter(small bool) bool { return a.enterWith(small, a.s.cfg.Good) }

// enterWith connects and upgrades with a token.
func (a *attacker) enterWith(small bool, token string) bool {
	if !a.dial(small) || !a.write(a.handshake(token)) {
		return false
	}
	status, ok := a.answer()
	if ok && status == http.StatusSwitchingProtocols {
		return true
	}
	a.hangUp()
	return false
}

// handshake is a request to upgrade, with compression offered.
func (a *attacker) handshake(token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate\r\nAuthorization: Bearer %s\r\n\r\n", a.s.cfg.Path, a.s.cfg.Addr, token)
}
