package clocks

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// proxy is between an engine and its Redis. It changes the replies to TIME, as if
// the clock of the server were wrong, and passes everything else on.
type proxy struct {
	listener net.Listener
	to       string // host:port of the server
	wrong    func() time.Duration
	ended    context.Context // ends all connections
	end      context.CancelFunc
	all      sync.WaitGroup
}

// newProxy listens on a free port. The caller closes it.
func newProxy(to string, wrong func() time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen between the engine and Redis: %w", err)
	}
	y := &proxy{listener: l, to: to, wrong: wrong}
	y.ended, y.end = context.WithCancel(context.Background())
	y.all.Go(y.accept)
	return y, nil
}

func (y *proxy) addr() string { return y.listener.Addr().String() }

// close ends all connections and waits for their goroutines.
func (y *proxy) close() error {
	err := y.listener.Close()
	y.end()
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

// serve passes on the commands of one client and their replies. When either side
// closes, both connections end.
func (y *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", y.to)
	if err != nil {
		return
	}
	defer server.Close()
	closeBoth := func() { client.Close(); server.Close() }
	defer context.AfterFunc(y.ended, closeBoth)()
	var commands sync.WaitGroup
	commands.Go(func() {
		_, _ = io.Copy(server, client)
		closeBoth()
	})
	y.replies(bufio.NewReader(server), client)
	closeBoth()
	commands.Wait()
}

// replies passes replies on until there are no more.
func (y *proxy) replies(from *bufio.Reader, to io.Writer) {
	for {
		b, err := value(from, nil)
		if err != nil {
			return
		}
		if _, err := to.Write(shift(b, y.wrong())); err != nil {
			return
		}
	}
}

// shift changes a reply to TIME. It recognises it by its form: only that reply has two
// numbers, the first of them with ten digits. It returns any other reply unchanged.
func shift(b []byte, wrong time.Duration) []byte {
	f := bytes.Fields(b[:min(len(b), 64)])
	if len(f) != 5 || string(f[0]) != "*2" || string(f[1]) != "$10" {
		return b
	}
	s, errS := strconv.ParseInt(string(f[2]), 10, 64)
	us, errUS := strconv.ParseInt(string(f[4]), 10, 64)
	if errS != nil || errUS != nil {
		return b
	}
	at := time.Unix(s, us*1000).Add(wrong)
	seconds, rest := strconv.FormatInt(at.Unix(), 10), strconv.Itoa(at.Nanosecond()/1000)
	return fmt.Appendf(nil, "*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(seconds), seconds, len(rest), rest)
}

// value appends the next value of the protocol (RESP3) to b, byte for byte.
func value(from *bufio.Reader, b []byte) ([]byte, error) {
	line, err := from.ReadBytes('\n')
	if err != nil {
		return b, err
	}
	b = append(b, line...)
	kind := line[0]
	if !strings.ContainsRune("$!=*~>%|", rune(kind)) {
		return b, nil
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(line[1:])))
	if err != nil {
		return b, fmt.Errorf("length in %q: %w", line, err)
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
	case '|': // pairs of attributes, then the value
		n = 2*n + 1
	}
	for range n {
		if b, err = value(from, b); err != nil {
			return b, err
		}
	}
	return b, nil
}
