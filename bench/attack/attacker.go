package attack

import (
	"bufio"
	"cmp"
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

	"pitwall/bench/internal/pause"
	"pitwall/bench/internal/wire"
)

// waitLimit is how long an attacker waits for a connection or an answer.
const waitLimit = 5 * time.Second

// attacker makes attacks of one kind, on one connection at a time. Only its goroutine
// uses it.
type attacker struct {
	s        *process
	kind     *Kind
	number   int
	ctx      context.Context
	attempts int // made so far

	conn    *conn
	reading sync.WaitGroup // the goroutine that reads from conn, if there is one
}

// conn is a connection of an attacker. It is closed when the kind is stopped.
type conn struct {
	net.Conn
	r       *bufio.Reader
	since   time.Time
	unwatch func() bool
	sent    int           // bytes sent of the request or of the current ping
	closed  chan struct{} // closed by the reader at the end of the connection
}

// run makes the first attempt after the time first, and then one at every interval,
// until ctx ends.
func (a *attacker) run(ctx context.Context, first, interval time.Duration) {
	a.ctx = ctx
	defer a.hangUp()
	for next := time.Now().Add(first); pause.For(ctx, time.Until(next)) == nil; a.attempts++ {
		a.kind.attempt(a)
		// An attacker that is late by more than a second does not catch up.
		if next = next.Add(interval); time.Until(next) < -time.Second {
			next = time.Now()
		}
	}
}

// source is the address of the attacker. If the kind holds connections, every second
// attacker uses the first address, to reach the limits of one address.
func (a *attacker) source() string {
	if a.kind.Held && a.number%2 == 0 {
		return a.s.cfg.Sources[0]
	}
	return a.s.cfg.Sources[a.number%len(a.s.cfg.Sources)]
}

// dial opens the connection; false when that fails. small asks the kernel for a small
// receive buffer.
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

// hangUp closes the connection and waits for the goroutine that reads from it.
func (a *attacker) hangUp() {
	if a.conn == nil {
		return
	}
	a.conn.unwatch()
	_ = a.conn.Close()
	a.reading.Wait()
	a.conn = nil
}

// note counts an answer, unless it was caused by the stop of the kind.
func (a *attacker) note(text string) {
	if a.ctx.Err() == nil {
		a.s.countAnswer(a.kind.Name, text)
	}
}

// made counts attacks.
func (a *attacker) made(n int) { a.s.countMade(a.kind.Name, n) }

// write writes within waitLimit; false when the connection has ended.
func (a *attacker) write(b []byte) bool {
	_ = a.conn.SetDeadline(time.Now().Add(waitLimit))
	if _, err := a.conn.Write(b); err != nil {
		a.lose(err)
		return false
	}
	return true
}

// lose counts how the connection ended.
func (a *attacker) lose(err error) {
	a.note(ending(err))
	a.hangUp()
}

// ending says how a connection ended.
func ending(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer"
	}
	return "other: " + err.Error()
}

// answer reads an HTTP answer and counts it. A 101 is not counted.
func (a *attacker) answer() (status int, ok bool) {
	_ = a.conn.SetReadDeadline(time.Now().Add(cmp.Or(a.kind.answerWithin, waitLimit)))
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

// enter connects and upgrades with a token. It is false when either fails. small has the
// same meaning as in dial.
func (a *attacker) enter(small bool, token string) bool {
	if !a.dial(small) || !a.write(a.upgrade(token)) {
		return false
	}
	status, ok := a.answer()
	if ok && status == http.StatusSwitchingProtocols {
		return true
	}
	a.hangUp()
	return false
}

// upgrade is a request to upgrade that offers compression.
func (a *attacker) upgrade(token string) []byte {
	return wire.Upgrade(a.s.cfg.Addr, a.s.cfg.Path, "Sec-WebSocket-Extensions: permessage-deflate\r\n", wire.Bearer(token))
}
