package clocks

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// proxy is between an engine and its Redis. It changes the reply to TIME, as if
// the server's clock were wrong, and passes everything else on as it is.
type proxy struct {
	listener net.Listener
	to       string // host:port of the server
	wrong    func() time.Duration
	all      sync.WaitGroup

	mu     sync.Mutex // guards what follows
	open   map[net.Conn]bool
	closed bool
}

// newProxy listens on a free port. The caller closes it.
func newProxy(to string, wrong func() time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen between the engine and Redis: %w", err)
	}
	y := &proxy{listener: l, to: to, wrong: wrong, open: map[net.Conn]bool{}}
	y.all.Go(y.accept)
	return y, nil
}

func (y *proxy) addr() string { return y.listener.Addr().String() }

// close ends all connections and waits for their goroutines.
func (y *proxy) close() error {
	err := y.listener.Close()
	y.mu.Lock()
	y.closed = true
	for c := range y.open {
		c.Close()
	}
	y.mu.Unlock()
	y.all.Wait()
	return err
}

func (y *proxy) accept() {
	for {
		c, err := y.listener.Accept()
		if err != nil {
			return
		}
		y.all.Go(func() { y.serve(c) })
	}
}

// keep registers a connection. It closes it, and is false, after close.
func (y *proxy) keep(c net.Conn) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.closed {
		c.Close()
		return false
	}
	y.open[c] = true
	return true
}

func (y *proxy) drop(c net.Conn) {
	y.mu.Lock()
	defer y.mu.Unlock()
	delete(y.open, c)
	c.Close()
}

// serve passes on the commands of one client and their replies.
func (y *proxy) serve(client net.Conn) {
	if !y.keep(client) {
		return
	}
	defer y.drop(client)
	server, err := net.Dial("tcp", y.to)
	if err != nil || !y.keep(server) {
		return
	}
	defer y.drop(server)
	asked := new(requests)
	var back sync.WaitGroup
	back.Go(func() {
		defer client.Close()
		y.answers(bufio.NewReader(server), client, asked)
	})
	// When either side is gone, both directions end.
	_ = commands(bufio.NewReader(client), server, asked)
	server.Close()
	back.Wait()
}

// requests says for each command without a reply so far whether it is TIME.
type requests struct {
	mu   sync.Mutex // guards list
	list []bool
}

func (q *requests) put(isTime bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, isTime)
}

func (q *requests) take() (isTime bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) > 0 {
		isTime, q.list = q.list[0], q.list[1:]
	}
	return isTime
}

// commands passes commands on until there are no more.
func commands(from *bufio.Reader, to io.Writer, asked *requests) error {
	for {
		b, err := value(from, nil)
		if err != nil {
			return err
		}
		asked.put(bytes.EqualFold(b, []byte("*1\r\n$4\r\nTIME\r\n")))
		if _, err := to.Write(b); err != nil {
			return err
		}
	}
}

// answers passes replies on until there are no more.
func (y *proxy) answers(from *bufio.Reader, to io.Writer, asked *requests) {
	for {
		b, err := value(from, nil)
		if err != nil {
			return
		}
		if b[0] != '>' && asked.take() { // a push is no reply
			b = shift(b, y.wrong())
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}

// shift changes a reply to TIME; any other is left as it is.
func shift(b []byte, wrong time.Duration) []byte {
	lines := bytes.Split(b, []byte("\r\n"))
	if len(lines) != 6 || string(lines[0]) != "*2" {
		return b
	}
	s, err1 := strconv.ParseInt(string(lines[2]), 10, 64)
	us, err2 := strconv.ParseInt(string(lines[4]), 10, 64)
	if errors.Join(err1, err2) != nil {
		return b
	}
	at := time.Unix(s, us*1000).Add(wrong)
	seconds, rest := strconv.FormatInt(at.Unix(), 10), strconv.Itoa(at.Nanosecond()/1000)
	return fmt.Appendf(nil, "*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(seconds), seconds, len(rest), rest)
}

// value appends one value of the protocol (RESP3) to b, as it was sent.
func value(from *bufio.Reader, b []byte) ([]byte, error) {
	line, err := from.ReadBytes('\n')
	if err != nil {
		return b, err
	}
	b = append(b, line...)
	kind, n := line[0], 0
	switch kind {
	case '$', '!', '=', '*', '~', '>', '%', '|':
		if n, err = strconv.Atoi(string(bytes.TrimSpace(line[1:]))); err != nil {
			return b, fmt.Errorf("length in %q: %w", line, err)
		}
	default:
		return b, nil
	}
	switch kind {
	case '$', '!', '=':
		if n < 0 {
			return b, nil
		}
		at := len(b)
		b = append(b, make([]byte, n+2)...)
		_, err = io.ReadFull(from, b[at:])
		return b, err
	case '%':
		n *= 2
	case '|': // attributes in pairs, and then the value
		n = 2*n + 1
	}
	for range n {
		if b, err = value(from, b); err != nil {
			return b, err
		}
	}
	return b, nil
}
