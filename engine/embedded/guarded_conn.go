package embedded

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Limits of one request to the embedded Redis. A real server allows more. They leave
// room for a hundred times a record of 16 KiB with every field.
const (
	maxRequestArgs  = 100_000
	maxRequestBytes = 8 << 20
	maxHeaderDigits = 9
)

// Every other client waits while a reply is written. A client that does not read may
// block the server for maxStall in total. The time that passes is added to this
// allowance, divided by stallRefill. When it is used up, the connection is closed.
const (
	maxStall    = 2 * time.Second
	stallRefill = 10
)

var errProtocol = errors.New("embedded redis: protocol error")

// guardedConn checks what a client sends against the protocol (RESP arrays of bulk
// strings) and fails the read at the first invalid byte. Without it, an empty array or
// a length that is too large would cause a panic in a goroutine of miniredis, which
// nothing can recover.
//
// Read is called by one goroutine, miniredis' reader of this connection, and Write by
// one goroutine at a time.
type guardedConn struct {
	net.Conn
	state  guardState
	number int // of the header being read
	digits int
	args   int // bulk strings still to come in this request
	bytes  int // bytes still to come in this bulk string, its CR LF included
	total  int // bytes of bulk strings in this request
	err    error

	stalled time.Duration // used allowance: how long the client has blocked the server
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

// Read reads from the connection. An error is final.
func (c *guardedConn) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(p)
	if bad := c.validate(p[:n]); bad != nil {
		// Nothing of this read is passed on: the rest of a request cannot follow.
		c.err = bad
		return 0, bad
	}
	return n, err
}

// Write writes all of p, or closes the connection of a client that has blocked the
// server for too long.
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

// header processes one byte outside the content of a bulk string.
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
		return fmt.Errorf("%w: got %q, want %q", errProtocol, b, want)
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
