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
	"time"

	"pitwall/bench/internal/relay"
)

// newProxy starts a relay between an engine and its Redis at host:port. It changes the
// replies to TIME, as if the clock of the server were wrong, and passes everything else
// on. The caller closes it.
func newProxy(to string, wrong func() time.Duration) (*relay.Relay, error) {
	dial := func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", to) }
	return relay.Start(dial, func(client io.Writer, server io.Reader) {
		from := bufio.NewReader(server)
		for {
			b, err := value(from, nil)
			if err != nil {
				return
			}
			if _, err := client.Write(shift(b, wrong())); err != nil {
				return
			}
		}
	})
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
