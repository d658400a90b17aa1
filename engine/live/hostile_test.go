package live

import (
	"net"
	"strings"
	"testing"
)

// hostile are what clients send, and the code with which their connection must be
// closed.
var hostile = []struct {
	name string
	send string
	code int
}{
	{"64-bit length with the top bit set", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00" + "abcd", 1002},
	{"64-bit length of minus one", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" + "abcd", 1002},
	{"64-bit length of minus one, unmasked", "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 1002},
	{"64-bit length of minus one, binary", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" + "abcd", 1002},
	{"64-bit length of minus one, continuation", "\x01\x80abcd\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff" + "abcd", 1002},
	{"64-bit length larger than any memory", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + "abcd", 1009},
	{"64-bit length not minimal", "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05" + "abcdhello", 1002},
	{"64-bit length of 65535", "\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff" + "abcd", 1002},
	{"16-bit length not minimal", "\x81\xfe\x00\x7d" + "abcd", 1002},
	{"16-bit length of 0", "\x81\xfe\x00\x00" + "abcd", 1002},
	{"reserved bit 1", string(masked(fin|0x40|opText, `{"type":"ping"}`)), 1002},
	{"reserved bit 2", string(masked(fin|0x20|opText, `{"type":"ping"}`)), 1002},
	{"reserved bit 3", string(masked(fin|0x10|opText, `{"type":"ping"}`)), 1002},
	{"reserved bit on a ping", string(masked(fin|0x40|opPing, "")), 1002},
	{"unmasked text", "\x81\x0f" + `{"type":"ping"}`, 1002},
	{"unmasked ping", "\x89\x00", 1002},
	{"unmasked close", "\x88\x02\x03\xe8", 1002},
	{"reserved opcode 3", string(masked(fin|3, "x")), 1002},
	{"reserved opcode 7", string(masked(fin|7, "")), 1002},
	{"reserved opcode 3, not final", string(masked(3, "x")), 1002},
	{"reserved opcode 11", string(masked(fin|11, "x")), 1002},
	{"reserved opcode 15", string(masked(fin|15, "")), 1002},
	{"fragmented ping", string(masked(opPing, "x")), 1002},
	{"fragmented close", string(masked(opClose, "\x03\xe8")), 1002},
	{"ping of 126 bytes", string(masked(fin|opPing, strings.Repeat("x", 126))), 1002},
	{"close of 200 bytes", string(masked(fin|opClose, "\x03\xe8"+strings.Repeat("x", 198))), 1002},
	{"bad UTF-8", string(text("\xc3\x28")), 1007},
	{"a lone surrogate in UTF-8", string(text("\xed\xa0\x80")), 1007},
	{"UTF-8 cut off", string(text("abc\xe2\x82")), 1007},
	{"bad UTF-8 over fragments", string(masked(opText, "a\xe2")) + string(masked(fin|opContinuation, "\x28\xa1")), 1007},
	{"UTF-8 cut off at the last fragment", string(masked(opText, "a\xe2")) + string(masked(fin|opContinuation, "\x82")), 1007},
	{"message one byte too large", string(header(fin|opText, 4097)), 1009},
	{"message far too large, with data after it", string(header(fin|opText, 100000)) + strings.Repeat("x", 100000), 1009},
	{"fragments that add up to too much", string(masked(opText, strings.Repeat("x", 4000))) +
		string(masked(opContinuation, strings.Repeat("x", 97))), 1009},
	{"continuation without a start", string(masked(fin|opContinuation, "x")), 1002},
	{"continuation that goes on, without a start", string(masked(opContinuation, "x")), 1002},
	{"continuation after a whole message", string(text(`{"type":"ping"}`)) + string(masked(fin|opContinuation, "x")), 1002},
	{"text inside a fragmented message", string(masked(opText, "x")) + string(text("y")), 1002},
	{"start inside a fragmented message", string(masked(opText, "x")) + string(masked(opBinary, "y")), 1002},
	{"close with one byte", string(masked(fin|opClose, "\x03")), 1002},
	{"close code 999", string(masked(fin|opClose, "\x03\xe7")), 1002},
	{"close code 0", string(masked(fin|opClose, "\x00\x00")), 1002},
	{"close code 1004", string(masked(fin|opClose, "\x03\xec")), 1002},
	{"close code 1005", string(masked(fin|opClose, "\x03\xed")), 1002},
	{"close code 1006", string(masked(fin|opClose, "\x03\xee")), 1002},
	{"close code 1015", string(masked(fin|opClose, "\x03\xf7")), 1002},
	{"close code 2999", string(masked(fin|opClose, "\x0b\xb7")), 1002},
	{"close code 5000", string(masked(fin|opClose, "\x13\x88")), 1002},
	{"close code 65535", string(masked(fin|opClose, "\xff\xff")), 1002},
	{"close with bad UTF-8", string(masked(fin|opClose, "\x03\xe8\xc3\x28")), 1007},
	{"close", string(masked(fin|opClose, "\x03\xe8bye")), 1000},
	{"close without a code", string(masked(fin|opClose, "")), 0},
	{"close with an application's code", string(masked(fin|opClose, "\x0f\xa0")), 4000},
	{"frames in one packet, the last one bad", string(text(`{"type":"ping","id":"a"}`)) + string(masked(fin|opPing, "hi")) +
		string(text(`{"type":"ping","id":"b"}`)) + "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00" + "abcd", 1002},
	{"garbage", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1002},
	{"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 64), 1002},
	{"close, then more", string(masked(fin|opClose, "\x03\xe8")) + strings.Repeat("x", 1000), 1000},
}

// A client that breaks the protocol is closed with the right code. Others are not
// affected.
func TestHostileFramesEndTheirOwnConnectionOnly(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a", "b", "c"}})
	other := r.watch("", "e")
	ended := map[int]uint64{}
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			w := r.rawClient()
			w.t = t
			w.send([]byte(c.send))
			w.awaitClose(c.code)
			ended[c.code]++
			other.awaitPosition("e", "a", r.publish("b", "c", "a"))
		})
		if len(c.send) > 300 {
			continue // a reset would overtake the close frame
		}
		t.Run(c.name+", byte by byte", func(t *testing.T) {
			w := r.rawClient()
			w.t = t
			for i := range len(c.send) {
				w.send([]byte{c.send[i]})
			}
			w.awaitClose(c.code)
			ended[c.code]++
		})
	}
	r.awaitConnections(1)
	ended[1000], ended[4000] = 0, 0 // not counted: the client began the close
	for code, want := range ended {
		if got := r.closeCount(code); code != 0 && got != want {
			t.Errorf("%d connections are counted as closed with %d, want %d", got, code, want)
		}
	}
	if n := r.srv.m.panics.Get(); n != 0 {
		t.Errorf("the library panicked %d times, want 0", n)
	}
}

// Frames that come in one packet with the handshake are read as all others are.
func TestHostileFramesAfterTheHandshake(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	for _, c := range hostile {
		if len(c.send) > 2000 {
			continue // may need more than one packet
		}
		t.Run(c.name, func(t *testing.T) {
			for range 5 {
				w := r.dial(handshake + c.send)
				w.t = t
				w.awaitUpgrade()
				w.awaitClose(c.code)
			}
		})
	}
	r.awaitConnections(0)
}

// Clients that close or reset the connection at any time do not affect others.
func TestClientsThatVanish(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	other := r.watch("", "e")
	for _, c := range []struct {
		name string
		send string
		end  func(*net.TCPConn) error
	}{
		{"half-closed at once", "", (*net.TCPConn).CloseWrite},
		{"half-closed inside a header", "\x81\xff\x00", (*net.TCPConn).CloseWrite},
		{"half-closed inside a payload", string(header(fin|opText, 100)) + "abc", (*net.TCPConn).CloseWrite},
		{"half-closed inside a fragmented message", string(masked(opText, "abc")), (*net.TCPConn).CloseWrite},
		{"reset", "", func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() }},
		{"reset while subscribed", string(text(`{"type":"subscribe","topic":"event:e"}`)),
			func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() }},
		{"closed", string(text(`{"type":"subscribe","topic":"event:e"}`)), (*net.TCPConn).Close},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 10 {
				w := r.rawClient()
				w.t = t
				w.send([]byte(c.send))
				if err := c.end(w.conn.(*net.TCPConn)); err != nil {
					t.Fatal(err)
				}
			}
			r.awaitConnections(1)
			other.awaitPosition("e", "a", r.publish("a"))
		})
	}
}

// A message whose frame header comes byte by byte is answered.
func TestHeaderByteByByte(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	w := r.rawClient()
	pad := strings.Repeat(" ", 200)
	for i, b := range text(`{"type":"ping","id":"slow"}` + pad) {
		w.send([]byte{b})
		if i < 8 {
			w.send(nil)
		}
	}
	w.awaitText(`"id":"slow"`)
	if n := r.srv.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	w.send(masked(fin|opClose, "\x03\xe8"))
	w.awaitClose(1000)
	r.awaitConnections(0)
}
