package servers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// ReplyError is an error reply of the server.
type ReplyError string

// Error is the text of the reply.
func (e ReplyError) Error() string { return string(e) }

// Conn speaks the Redis protocol (RESP2), one command at a time. It shares no code with
// the client that is tested, so a fault of that client cannot hide itself. It is not safe
// for concurrent use.
type Conn struct {
	conn net.Conn
	r    *bufio.Reader
}

// Dial connects to a server at host:port.
func Dial(addr string) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, ReadyWithin)
	if err != nil {
		return nil, err
	}
	return &Conn{conn: conn, r: bufio.NewReader(conn)}, nil
}

// Close closes the connection.
func (c *Conn) Close() { c.conn.Close() }

// Do sends a command and reads its reply: a string, an int64, nil, or a []any of
// these. After an error that is not a ReplyError the connection is unusable.
func (c *Conn) Do(args ...string) (any, error) {
	if err := c.conn.SetDeadline(time.Now().Add(ReadyWithin)); err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(c.conn, b.String()); err != nil {
		return nil, err
	}
	return c.reply()
}

func (c *Conn) reply() (any, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, fmt.Errorf("empty reply line")
	}
	rest := line[1:]
	switch kind := line[0]; kind {
	case '+':
		return rest, nil
	case '-':
		return nil, ReplyError(rest)
	case ':':
		return strconv.ParseInt(rest, 10, 64)
	case '$', '*':
		n, err := strconv.Atoi(rest)
		if err != nil {
			return nil, fmt.Errorf("length in %q: %w", line, err)
		}
		if n < 0 {
			return nil, nil
		}
		if kind == '$' {
			return c.bulk(n)
		}
		return c.array(n)
	}
	return nil, fmt.Errorf("unknown reply %q", line)
}

func (c *Conn) bulk(n int) (any, error) {
	buf := make([]byte, n+2)
	if _, err := io.ReadFull(c.r, buf); err != nil {
		return nil, err
	}
	return string(buf[:n]), nil
}

// array reads n replies. An error reply among them, as in that of EXEC, becomes an
// element.
func (c *Conn) array(n int) (any, error) {
	list := make([]any, 0, n)
	for range n {
		v, err := c.reply()
		if e, answered := err.(ReplyError); answered {
			v = e
		} else if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// InfoField returns the value of a name:value line of a reply to INFO, "" where there
// is none.
func InfoField(info any, name string) string {
	text, _ := info.(string)
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
