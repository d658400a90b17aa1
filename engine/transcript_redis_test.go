package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// redisConn speaks the Redis protocol (RESP2), one command at a time, to
// either server: a publisher who shares no code with Pitwall.
type redisConn struct {
	conn net.Conn
	r    *bufio.Reader
}

// redisError is an error reply of the server.
type redisError string

func (e redisError) Error() string { return string(e) }

func dialRedis(addr string) (*redisConn, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &redisConn{conn, bufio.NewReader(conn)}, nil
}

// do sends one command and returns its reply: a string, an int64, nil, or a
// []any of these.
func (c *redisConn) do(args []string) (any, error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
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

func (c *redisConn) reply() (any, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("a reply without a type")
	}
	n, numErr := strconv.ParseInt(line[1:], 10, 64)
	switch kind := line[0]; {
	case kind == '+':
		return line[1:], nil
	case kind == '-':
		return nil, redisError(line[1:])
	case numErr != nil:
		return nil, fmt.Errorf("a reply that is not known: %q", line)
	case kind == ':':
		return n, nil
	case kind == '$' && n >= 0:
		buf := make([]byte, n+2)
		_, err := io.ReadFull(c.r, buf)
		return string(buf[:n]), err
	case kind == '*' && n >= 0:
		list := make([]any, 0, n)
		for range n {
			v, err := c.reply()
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	return nil, nil
}

// replyLines are a reply as a story writes it: an element of a list in each
// line, and what that holds as words behind one another.
func replyLines(reply any) []string {
	list, ok := reply.([]any)
	if !ok {
		return []string{quoteWords(flat(reply))}
	}
	var out []string
	for _, v := range list {
		out = append(out, quoteWords(flat(v)))
	}
	return out
}

func flat(v any) []string {
	switch v := v.(type) {
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, flat(e)...)
		}
		return out
	case int64:
		return []string{strconv.FormatInt(v, 10)}
	case nil:
		return []string{"(nil)"}
	}
	return []string{v.(string)}
}
