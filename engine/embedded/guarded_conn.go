package embedded

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Bounds of one request to the embedded Redis. A real server allows more; a
// record of 16 KiB with every field fits a hundred times over.
const (
	maxRequestArgs  = 100_000
	maxRequestBytes = 8 << 20
	maxHeaderDigits = 9
)

// Replies are written while every other client waits. A client that does not
// take them may keep the server waiting for maxStall, and earns one part in
// stallRefill of the time that passes back. Then its connection is closed.
const (
	maxStall    = 2 * time.Second
	stallRefill = 10
)

var errProtocol = errors.New("embedded redis: protocol error")

// guardedConn follows the requests (RESP arrays of bulk strings) in what a
// client sends and fails the read at the first byte that is out of form.
// Without it an empty array or an oversized length, a dozen bytes from anyone,
// is a panic in a goroutine that nobody can recover.
//
// Read is called by one goroutine, miniredis' reader of this connection; Write
// by one at a time.
type guardedConn struct {
	net.Conn
	state  guardState
	number int // of the header being read
	digits int
	args   int // bulk strings still to come in this request
	bytes  int // bytes still to come in this bulk string, its CR LF included
	total  int // bytes of bulk strings in this request
	err    error

	stalled time.Duration // for which the client has kept the server waiting
	wrote   time.Time     // end of the last write
}

type guardState uint8

const (
	wantArray     guardState = iota // "*"
	inArrayHeader                   // digits, up to CR
	wantArrayLF                     // LF
	wantBulk                        // "$"
	inBulkHeader
	wantBulkLF
	inBulk
)

// Read reads from the connection; an error is for good.
func (c *guardedConn) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(p)
	if bad := c.validate(p[:n]); bad != nil {
		// Nothing of this read is passed on: half a request cannot be
		// carried out anyway.
		c.err = bad
		return 0, bad
	}
	return n, err
}

// Write writes all of p, or closes the connection of a client that has kept the
// server waiting for too long.
func (c *guardedConn) Write(p []byte) (int, error) {
	began := time.Now()
	c.stalled = max(0, c.stalled-began.Sub(c.wrote)/stallRefill)
	if err := c.Conn.SetWriteDeadline(began.Add(maxStall - c.stalled)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	c.wrote = time.Now()
	c.stalled += c.wrote.Sub(began)
	if err != nil {
		return n, errors.Join(err, c.Conn.Close())
	}
	return n, nil
}

func (c *guardedConn) validate(p []byte) error {
	for len(p) > 0 {
		if c.state == inBulk {
			n := min(len(p), c.bytes)
			c.bytes -= n
			p = p[n:]
			if c.bytes == 0 {
				c.endBulk()
			}
			continue
		}
		if err := c.header(p[0]); err != nil {
			return err
		}
		p = p[1:]
	}
	return nil
}

// header takes one byte outside a bulk string's content.
func (c *guardedConn) header(b byte) error {
	switch c.state {
	case wantArray:
		return c.begin(b, '*', inArrayHeader)
	case wantBulk:
		return c.begin(b, '$', inBulkHeader)
	case inArrayHeader, inBulkHeader:
		return c.digit(b)
	case wantArrayLF:
		if b != '\n' || c.number < 1 || c.number > maxRequestArgs {
			return fmt.Errorf("%w: array of %d", errProtocol, c.number)
		}
		c.args, c.total, c.state = c.number, 0, wantBulk
	case wantBulkLF:
		c.total += c.number
		if b != '\n' || c.total > maxRequestBytes {
			return fmt.Errorf("%w: request of %d bytes", errProtocol, c.total)
		}
		c.bytes, c.state = c.number+2, inBulk
	}
	return nil
}

func (c *guardedConn) begin(b, want byte, next guardState) error {
	if b != want {
		return fmt.Errorf("%w: %q where %q belongs", errProtocol, b, want)
	}
	c.number, c.digits, c.state = 0, 0, next
	return nil
}

func (c *guardedConn) digit(b byte) error {
	switch {
	case b >= '0' && b <= '9' && c.digits < maxHeaderDigits:
		c.number = c.number*10 + int(b-'0')
		c.digits++
	case b == '\r' && c.digits > 0:
		c.state++ // to the LF of the same header
	default:
		return fmt.Errorf("%w: %q in a length", errProtocol, b)
	}
	return nil
}

func (c *guardedConn) endBulk() {
	c.args--
	c.state = wantBulk
	if c.args == 0 {
		c.state = wantArray
	}
}
