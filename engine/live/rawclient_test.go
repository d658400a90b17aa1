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

// mask is the masking key of all frames that the tests send.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// header is the header of a masked frame with a payload of n bytes.
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

// masked is a masked frame, as clients send it.
func masked(first byte, payload string) []byte {
	b := header(first, len(payload))
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

// text is a text message in one frame.
func text(payload string) []byte { return masked(fin|opText, payload) }

// rawClient is a client on a TCP connection, without a WebSocket library. It can
// break the protocol, and reads only when it is told to.
type rawClient struct {
	t      testing.TB
	conn   net.Conn
	br     *bufio.Reader
	screen *screen // gets the text frames; may be nil

	compression bool // was agreed on
	deflated    int  // how many compressed frames have been read
}

const handshake = "GET /live HTTP/1.1\r\nHost: pitwall.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// handshakeWith is a handshake with a query and more header lines.
func handshakeWith(query string, headers ...string) string {
	h := strings.Replace(handshake, "/live", "/live?"+query, 1)
	return strings.TrimSuffix(h, "\r\n") + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// dial connects and sends raw, which begins with a handshake.
func (r *rig) dial(raw string) *rawClient {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.clientOver(c, raw)
}

// clientOver makes a client of a connection, and sends raw.
func (r *rig) clientOver(c net.Conn, raw string) *rawClient {
	r.t.Helper()
	r.t.Cleanup(func() { _ = c.Close() })
	w := &rawClient{t: r.t, conn: c, br: bufio.NewReader(c), screen: newScreen(r.t)}
	w.send([]byte(raw))
	return w
}

// rawClient connects a client, and reads the welcome. headers are lines of its
// handshake.
func (r *rig) rawClient(headers ...string) *rawClient {
	r.t.Helper()
	w := r.dial(handshakeWith("", headers...))
	w.awaitUpgrade()
	w.awaitWelcome()
	return w
}

// awaitUpgrade reads the answer to the handshake, which must be 101.
func (w *rawClient) awaitUpgrade() *http.Response {
	w.t.Helper()
	resp := w.readResponse()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		w.t.Fatalf("the handshake was answered with %s, want 101", resp.Status)
	}
	if got, want := resp.Header.Get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		w.t.Fatalf("Sec-WebSocket-Accept is %q, want %q", got, want)
	}
	w.compression = resp.Header.Get("Sec-WebSocket-Extensions") != ""
	return resp
}

func (w *rawClient) readResponse() *http.Response {
	w.t.Helper()
	w.setReadDeadline()
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

func (w *rawClient) setReadDeadline() { _ = w.conn.SetReadDeadline(time.Now().Add(patience)) }

func (w *rawClient) awaitWelcome() {
	w.t.Helper()
	if op, p := w.nextFrame(); op != opText || !strings.HasPrefix(p, `{"type":"welcome"`) {
		w.t.Fatalf("the first frame has opcode %#x and payload %q, want the welcome", op, p)
	}
}

func (w *rawClient) send(b []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatalf("send %q: %v", b, err)
	}
}

// read returns the next frame of the server. It must be final and unmasked, and
// have no reserved bit but that of compression, if that was agreed on.
func (w *rawClient) read() (op byte, payload string, err error) {
	w.setReadDeadline()
	var h [2]byte
	if _, err := io.ReadFull(w.br, h[:]); err != nil {
		return 0, "", err
	}
	compressed := w.compression && h[0] == fin|rsv1|opText
	if h[0]&0xf0 != fin && !compressed || h[1]&0x80 != 0 {
		return 0, "", fmt.Errorf("got frame header % x, want a final, unmasked frame", h)
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
		return 0, "", fmt.Errorf("got a frame of %d bytes, want 64 MiB at most", n)
	}
	body := make([]byte, n)
	if _, err = io.ReadFull(w.br, body); err != nil {
		return 0, "", err
	}
	if compressed {
		w.deflated++
		if body, err = inflate(body, 64<<20); err != nil {
			return 0, "", fmt.Errorf("inflate a frame of %d bytes: %w", n, err)
		}
	}
	if h[0]&0xf == opText && w.screen != nil {
		w.screen.receive(body)
	}
	return h[0] & 0xf, string(body), nil
}

func (w *rawClient) nextFrame() (op byte, payload string) {
	w.t.Helper()
	op, p, err := w.read()
	if err != nil {
		w.t.Fatalf("read a frame: %v", err)
	}
	return op, p
}

// awaitText reads up to the frame whose payload contains what, and returns it.
func (w *rawClient) awaitText(what string) string {
	w.t.Helper()
	for {
		op, p, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for %q: %v", what, err)
		}
		if op == opClose {
			w.t.Fatalf("waiting for %q: got close frame %q", what, p)
		}
		if strings.Contains(p, what) {
			return p
		}
	}
}

// awaitClose reads up to the close frame, and checks its code and that nothing
// follows it. Code 0 is that of a close frame without a code.
func (w *rawClient) awaitClose(code int) (reason string) {
	w.t.Helper()
	for {
		op, p, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for close code %d: %v", code, err)
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
			w.t.Fatalf("got close code %d (%q), want %d", got, reason, code)
		}
		if _, err := w.br.ReadByte(); err != io.EOF {
			w.t.Fatalf("read after the close frame: got error %v, want EOF", err)
		}
		return reason
	}
}

// subscribe subscribes to an event, and reads up to the last part of the snapshot.
func (w *rawClient) subscribe(event string) {
	w.t.Helper()
	topic := "event:" + event
	w.send(text(`{"type":"subscribe","id":"s","topic":"` + topic + `"}`))
	w.readUntil("the snapshot of "+event, func() bool {
		want := 0
		for _, f := range w.screen.framesWhere(func(f serverFrame) bool { return f.Type == "subscribed" && f.Topic == topic }) {
			want += f.Parts
		}
		parts := w.screen.framesWhere(func(f serverFrame) bool {
			return f.Type == "snapshot" && f.Reason == "subscribe" && f.Topic == topic
		})
		return want > 0 && len(parts) == want
	})
}

// readUntil reads frames until cond holds.
func (w *rawClient) readUntil(what string, cond func() bool) {
	w.t.Helper()
	for !cond() {
		op, p, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for %s: %v", what, err)
		}
		if op == opClose {
			w.t.Fatalf("waiting for %s: got close frame %q", what, p)
		}
	}
}

// sendPong answers a ping. It returns false when the connection has ended.
func (w *rawClient) sendPong(payload string) bool {
	_, err := w.conn.Write(masked(fin|opPong, payload))
	return err == nil
}

// laggedSnapshots returns the lagged snapshots of an event so far.
func (w *rawClient) laggedSnapshots(event string) []serverFrame {
	return w.screen.framesWhere(func(f serverFrame) bool { return f.Reason == "lagged" && f.Topic == "event:"+event })
}

// join connects and subscribes to an event, with little work per client: it only
// counts the parts of the snapshot. Any goroutine may call it.
func (r *rig) join(event string, parts int) (*rawClient, error) {
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		return nil, err
	}
	r.t.Cleanup(func() { _ = c.Close() })
	w := &rawClient{t: r.t, conn: c, br: bufio.NewReader(c)}
	if _, err := c.Write(append([]byte(handshake), text(`{"type":"subscribe","topic":"event:`+event+`"}`)...)); err != nil {
		return nil, err
	}
	w.setReadDeadline()
	resp, err := http.ReadResponse(w.br, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("the handshake was answered with %s, want 101", resp.Status)
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
	w.screen.log = append(w.screen.log, serverFrame{Type: "welcome"}) // it has been read
	return w, nil
}
