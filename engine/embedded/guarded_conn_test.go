package embedded

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
)

// readerConn is a connection whose Read comes from r.
type readerConn struct {
	net.Conn
	r io.Reader
}

func (c readerConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// FuzzGuard compares guardedConn with a simple parser of the protocol. It must pass on
// exactly the bytes before the first fault, however the input is split.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{
		"*1\r\n$4\r\nPING\r\n", "*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n",
		"*0\r\n", "*1\r\n$-1\r\n", "*01\r\n$04\r\nPING\r\n", "*1\r\n$9999999999\r\n", "*1\r\n$3\r\nabcde*", "PING\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		fault := firstFault(in)
		whole, wholeErr := io.ReadAll(&guardedConn{Conn: readerConn{r: bytes.NewReader(in)}})
		bytewise, byteErr := io.ReadAll(&guardedConn{Conn: readerConn{r: iotest.OneByteReader(bytes.NewReader(in))}})
		for _, err := range []error{wholeErr, byteErr} {
			if want := fault >= 0; errors.Is(err, errProtocol) != want {
				t.Fatalf("%q: error %v, fault at %d", in, err, fault)
			}
		}
		if fault < 0 && (!bytes.Equal(whole, in) || !bytes.Equal(bytewise, in)) {
			t.Fatalf("%q was read as %q and %q", in, whole, bytewise)
		}
		if fault >= 0 && len(bytewise) != fault {
			t.Fatalf("%q: %d bytes were read, fault at %d", in, len(bytewise), fault)
		}
	})
}

// firstFault returns the position of the first invalid byte, or -1. The two bytes
// after a bulk string (CR LF from a real client) are not checked: miniredis skips
// them, whatever they are.
func firstFault(in []byte) int {
	pos := 0
	header := func(mark byte, lo, hi int) (n, fault int, done bool) {
		start := pos
		if pos == len(in) {
			return 0, -1, true
		}
		if in[pos] != mark {
			return 0, pos, true
		}
		for pos++; pos < len(in) && in[pos] >= '0' && in[pos] <= '9' && pos-start <= maxHeaderDigits; pos++ {
			n = n*10 + int(in[pos]-'0')
		}
		if pos == len(in) {
			return 0, -1, true
		}
		if in[pos] != '\r' || pos == start+1 {
			return 0, pos, true
		}
		if pos++; pos == len(in) {
			return 0, -1, true
		}
		if in[pos] != '\n' || n < lo || n > hi {
			return 0, pos, true
		}
		pos++
		return n, -1, false
	}
	for {
		args, fault, done := header('*', 1, maxRequestArgs)
		if done {
			return fault
		}
		for total := 0; args > 0; args-- {
			n, fault, done := header('$', 0, maxRequestBytes-total)
			if done {
				return fault
			}
			total += n
			if pos += n + 2; pos >= len(in) {
				return -1
			}
		}
	}
}
