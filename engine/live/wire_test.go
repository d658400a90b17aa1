package live

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// More opcodes (RFC 6455, section 5.2).
const (
	opContinuation = 0x0
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
	fin            = 0x80
)

// mask is the key of all frames that the tests send.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// header is a masked frame's header for a payload of n bytes.
func header(first byte, n int) []byte {
	b := []byte{first}
	switch {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(b, mask[:]...)
}

// masked is a whole frame of a client.
func masked(first byte, payload string) []byte {
	b := header(first, len(payload))
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

// text is a whole text message of a client.
func text(payload string) []byte { return masked(fin|opText, payload) }

// wire is a client on a bare TCP connection, which sends what no library
// would.
type wire struct {
	t      testing.TB
	conn   net.Conn
	br     *bufio.Reader
	screen *screen // takes the text frames; may be nil

	agreed   bool // on compression
	deflated int  // compressed frames read
}

const handshake = "GET /live HTTP/1.1\r\nHost: pitwall.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// shake is a handshake with a query and more header lines.
func shake(query string, headers ...string) string {
	h := strings.Replace(handshake, "/live", "/live?"+query, 1)
	return strings.TrimSuffix(h, "\r\n") + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// open dials and sends raw, which begins with a handshake.
func (r *rig) open(raw string) *wire {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.over(c, raw)
}

// over sends raw on a connection that is there.
func (r *rig) over(c net.Conn, raw string) *wire {
	r.t.Helper()
	r.t.Cleanup(func() { _ = c.Close() })
	w := &wire{t: r.t, conn: c, br: bufio.NewReader(c), screen: newScreen(r.t)}
	w.send([]byte(raw))
	return w
}

// wire dials, shakes hands and reads the welcome. headers are lines of its
// handshake.
func (r *rig) wire(headers ...string) *wire {
	r.t.Helper()
	w := r.open(shake("", headers...))
	w.upgraded()
	w.welcome()
	return w
}

// upgraded reads the answer to the handshake, which must be 101.
func (w *wire) upgraded() *http.Response {
	w.t.Helper()
	resp := w.response()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		w.t.Fatalf("handshake answered with %s", resp.Status)
	}
	if got := resp.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		w.t.Fatalf("Sec-WebSocket-Accept is %q", got)
	}
	w.agreed = resp.Header.Get("Sec-WebSocket-Extensions") != ""
	return resp
}

func (w *wire) response() *http.Response {
	w.t.Helper()
	w.hurry()
	req, err := http.NewRequest(http.MethodGet, "http://pitwall.test/live", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.ReadResponse(w.br, req)
	if err != nil {
		w.t.Fatalf("read the answer to the handshake: %v", err)
	}
	return resp
}

func (w *wire) hurry() { _ = w.conn.SetReadDeadline(time.Now().Add(patience)) }

func (w *wire) welcome() {
	w.t.Helper()
	if op, p := w.frame(); op != opText || !strings.HasPrefix(p, `{"type":"welcome"`) {
		w.t.Fatalf("first frame is %x %q, want the welcome", op, p)
	}
}

func (w *wire) send(b []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatalf("send %q: %v", b, err)
	}
}

// read returns the next frame of the server, which must be a whole one,
// unmasked and without reserved bits.
func (w *wire) read() (op byte, payload string, err error) {
	w.hurry()
	var h [2]byte
	if _, err := io.ReadFull(w.br, h[:]); err != nil {
		return 0, "", err
	}
	compressed := w.agreed && h[0] == fin|rsv1|opText
	if h[0]&0xf0 != fin && !compressed || h[1]&0x80 != 0 {
		return 0, "", fmt.Errorf("header % x of the server is no header", h)
	}
	n := uint64(h[1])
	if n >= 126 {
		ext := make([]byte, 2+6*(n-126))
		if _, err := io.ReadFull(w.br, ext); err != nil {
			return 0, "", err
		}
		n = 0
		for _, b := range ext {
			n = n<<8 | uint64(b)
		}
	}
	if n > 64<<20 {
		return 0, "", fmt.Errorf("a frame of %d bytes", n)
	}
	body := make([]byte, n)
	if _, err = io.ReadFull(w.br, body); err != nil {
		return 0, "", err
	}
	if compressed {
		w.deflated++
		if body, err = inflate(body, 64<<20); err != nil {
			return 0, "", fmt.Errorf("a compressed frame of %d bytes: %w", n, err)
		}
	}
	if h[0]&0xf == opText && w.screen != nil {
		w.screen.frame(body)
	}
	return h[0] & 0xf, string(body), nil
}

func (w *wire) frame() (op byte, payload string) {
	w.t.Helper()
	op, p, err := w.read()
	if err != nil {
		w.t.Fatalf("read a frame: %v", err)
	}
	return op, p
}

// until reads frames up to the one whose payload contains what.
func (w *wire) until(what string) string {
	w.t.Helper()
	for {
		op, p, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for %q: %v", what, err)
		}
		if op == opClose {
			w.t.Fatalf("waiting for %q: closed with %q", what, p)
		}
		if strings.Contains(p, what) {
			return p
		}
	}
}

// closed reads up to the close frame, checks its code and that the end of the
// stream follows it. Code 0 is a close frame without one.
func (w *wire) closed(code int) (reason string) {
	w.t.Helper()
	for {
		op, p, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for close %d: %v", code, err)
		}
		if op != opClose {
			continue
		}
		got := 0
		if len(p) >= 2 {
			got = int(p[0])<<8 | int(p[1])
			reason = p[2:]
		}
		if got != code {
			w.t.Fatalf("closed with %d %q, want %d", got, reason, code)
		}
		if _, err := w.br.ReadByte(); err != io.EOF {
			w.t.Fatalf("behind the close frame: %v, want the end of the stream", err)
		}
		return reason
	}
}

// join connects and subscribes like the herd does: no frame but the promised
// parts of the snapshot is looked at closely. Any goroutine may call it.
func (r *rig) join(event string, parts int) (*wire, error) {
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		return nil, err
	}
	r.t.Cleanup(func() { _ = c.Close() })
	w := &wire{t: r.t, conn: c, br: bufio.NewReader(c)}
	if _, err := c.Write(append([]byte(handshake), text(`{"type":"subscribe","topic":"event:`+event+`"}`)...)); err != nil {
		return nil, err
	}
	w.hurry()
	resp, err := http.ReadResponse(w.br, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("refused with %s", resp.Status)
	}
	for parts > 0 {
		_, p, err := w.read()
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(p, `{"type":"snapshot"`) {
			parts--
		}
	}
	w.screen = newScreen(r.t)
	w.screen.log = append(w.screen.log, said{Type: "welcome"}) // which has been read
	return w, nil
}
