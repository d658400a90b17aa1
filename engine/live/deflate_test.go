package live

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// offerDeflate is the header line with which browsers offer compression.
const offerDeflate = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

// deflated is a message compressed with DEFLATE.
func deflated(message string) string { return string(new(deflater).Append(nil, []byte(message))) }

// compressed is a compressed text message in one frame, as clients send it.
func compressed(message string) []byte { return masked(fin|rsv1|opText, deflated(message)) }

// The answer to the handshake names the extension and the subprotocol that are
// agreed on, and no others.
func TestHandshakeAnswersWhatIsAgreed(t *testing.T) {
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	on := start(t, nil)
	off := start(t, nil, func(su *setup) { su.shard.Deflate = nil })
	named := "Sec-WebSocket-Protocol: other, pitwall.v1"
	for _, c := range []struct {
		r                   *rig
		headers             []string
		extension, protocol string
	}{
		{on, nil, "", ""},
		{on, []string{offerDeflate}, agreed, ""},
		{on, []string{named}, "", "pitwall.v1"},
		{on, []string{offerDeflate, named}, agreed, "pitwall.v1"},
		{on, []string{offerDeflate, "Sec-WebSocket-Protocol: other"}, agreed, ""},
		{on, []string{"Sec-WebSocket-Protocol: other", named}, "", "pitwall.v1"},
		{on, []string{"Sec-WebSocket-Extensions: x-other", offerDeflate}, agreed, ""},
		{on, []string{"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9"}, "", ""},
		{on, []string{"Sec-WebSocket-Extensions: permessage-deflate; ;"}, "", ""},
		{off, []string{offerDeflate, named}, "", "pitwall.v1"},
	} {
		w := c.r.dial(handshakeWith("batch=1", c.headers...))
		h := w.awaitUpgrade().Header
		w.awaitWelcome()
		if e, p := h.Get("Sec-WebSocket-Extensions"), h.Get("Sec-WebSocket-Protocol"); e != c.extension || p != c.protocol {
			t.Errorf("%q: answered with %q and %q, want %q and %q", c.headers, e, p, c.extension, c.protocol)
		}
	}
}

// compressionOptions are those of a client that compresses all messages.
func compressionOptions() *websocket.DialOptions {
	return &websocket.DialOptions{
		CompressionMode: websocket.CompressionNoContextTakeover, CompressionThreshold: 1,
		HTTPHeader: http.Header{},
	}
}

// All screens show the same, whatever encoding a client has chosen.
func TestCompressedAndPlainScreensAreEqual(t *testing.T) {
	devices := deviceNames(100)
	r := start(t, map[string][]string{"e": devices})
	r.publish(devices...)
	all := []*spectator{r.watch(""), r.watch("batch=1"), r.connect("", compressionOptions()), r.connect("batch=1", compressionOptions())}
	for _, s := range all {
		s.subscribe("e")
	}
	paced := r.connect("batch=1", compressionOptions())
	paced.request("subscribe", `,"topic":"event:e","interval":250`)
	for round := range 20 {
		if round == 10 { // roster frames come between positions
			devices = devices[10:]
			r.setRoster(map[string][]string{"e": devices})
		}
		r.publish(devices...)
		for i, s := range all {
			eventually(t, fmt.Sprintf("round %d on screen %d", round, i), func() bool { return s.shows(r, "e", devices) })
		}
	}
	eventually(t, "the newest positions on the screen with an interval", func() bool { return paced.shows(r, "e", devices) })
	for i, s := range all[1:] {
		eventually(t, fmt.Sprintf("as many positions on screen %d as on the first", i+1), func() bool {
			want, _ := all[0].count("e")
			got, _ := s.count("e")
			return got == want
		})
	}
	s := r.core.Stats()
	if s.Deflated == 0 || s.DeflateOut*2 > s.DeflateIn {
		t.Errorf("%d chunks were compressed from %d to %d bytes, want less than half", s.Deflated, s.DeflateIn, s.DeflateOut)
	}
}

// A connection is sent compressed frames only if compression was agreed on
// (rawClient checks the frame headers). Then snapshots and positions frames are
// compressed.
func TestCompressedFramesNeedAnAgreement(t *testing.T) {
	devices := deviceNames(40)
	r := start(t, map[string][]string{"e": devices})
	r.publish(devices...)
	for _, c := range []struct {
		query    string
		headers  []string
		snapshot bool // compressed
		live     bool // compressed
	}{{"", nil, false, false}, {"batch=1", nil, false, false}, {"", []string{offerDeflate}, true, false}, {"batch=1", []string{offerDeflate}, true, true}} {
		w := r.dial(handshakeWith(c.query, c.headers...))
		w.awaitUpgrade()
		w.awaitWelcome()
		w.subscribe("e")
		if w.deflated > 0 != c.snapshot {
			t.Errorf("%q %q: got %d compressed snapshots, want some: %v", c.query, c.headers, w.deflated, c.snapshot)
		}
		w.deflated = 0
		for range 5 {
			r.publish(devices...)
			w.readUntil("the newest positions", func() bool { return w.screen.shows(r, "e", devices) })
		}
		if w.deflated > 0 != c.live {
			t.Errorf("%q %q: got %d compressed live frames, want some: %v", c.query, c.headers, w.deflated, c.live)
		}
	}
}

// Requests of all kinds are answered in order, whether they come in one packet, in
// several, or byte by byte.
func TestCompressedRequests(t *testing.T) {
	r := start(t, nil)
	w := r.rawClient(offerDeflate)
	rng := rand.New(rand.NewPCG(3, 5))
	for round := range 24 {
		var send []byte
		var want []string
		for i := range 1 + rng.IntN(50) {
			id := fmt.Sprintf("%d-%d", round, i)
			ping := fmt.Sprintf(`{"type":"ping","id":%q}`, id)
			answer := id
			switch z := deflated(ping); rng.IntN(6) {
			case 0:
				send = append(send, text(ping)...)
			case 1:
				send = append(send, compressed(ping)...)
			case 2:
				send = append(send, masked(fin|opBinary, ping)...)
				answer = "bad_request"
			case 3:
				send = append(send, masked(fin|rsv1|opBinary, z)...)
				answer = "bad_request"
			case 4:
				send = append(send, masked(rsv1|opText, z[:3])...)
				send = append(send, masked(fin|opPing, "in between")...)
				send = append(send, masked(opContinuation, "")...)
				send = append(send, masked(fin|opContinuation, z[3:])...)
			case 5: // DEFLATE with a final block
				send = append(send, masked(fin|rsv1|opText, "\x01"+string([]byte{byte(len(ping)), 0, ^byte(len(ping)), 0xff})+ping)...)
			}
			want = append(want, answer)
		}
		step := []int{1, 7, 100, len(send)}[round%4]
		for ; len(send) > step; send = send[step:] {
			w.send(send[:step])
		}
		w.send(send)
		for _, part := range want {
			w.awaitText(part)
		}
	}
}

// The limit of a message's length is that of the inflated message.
func TestLimitOfCompressedRequests(t *testing.T) {
	r := start(t, nil)
	w := r.rawClient(offerDeflate)
	ping := `{"type":"ping","id":"x"}`
	w.send(compressed(ping + strings.Repeat(" ", 4096-len(ping))))
	w.awaitText(`"id":"x"`)
	w.send(compressed(ping + strings.Repeat(" ", 4097-len(ping))))
	w.awaitClose(1009)
}

var hostileDeflate = []struct {
	name string
	send string
	code int
}{
	{"bomb", string(compressed(strings.Repeat(" ", 1<<20))), 1009},
	{"bomb in fragments", string(masked(rsv1|opText, deflated(strings.Repeat(" ", 1<<20))[:500])) +
		string(masked(fin|opContinuation, deflated(strings.Repeat(" ", 1<<20))[500:])), 1009},
	{"many bombs", strings.Repeat(string(compressed(strings.Repeat(" ", 20<<10))), 20), 1009},
	{"compressed message too long as it is", string(header(fin|rsv1|opText, 4097)), 1009},
	{"plain message too long", string(header(fin|opText, 4097)), 1009},
	{"not DEFLATE", string(masked(fin|rsv1|opText, `{"type":"ping"}`)), 1007},
	{"empty", string(masked(fin|rsv1|opText, "")), 1007},
	{"DEFLATE cut off", string(masked(fin|rsv1|opText, deflated(`{"type":"ping","id":"abcdefg"}`)[:8])), 1007},
	{"reference to a message before", string(compressed(`{"type":"ping"}`)) + string(masked(fin|rsv1|opText, "\x42\x06\x00")), 1007},
	{"compressed bad UTF-8", string(compressed("\xc3\x28")), 1007},
	{"compressed UTF-8 cut off", string(compressed("abc\xe2\x82")), 1007},
	{"plain bad UTF-8", string(text("\xc3\x28")), 1007},
	{"close with bad UTF-8", string(masked(fin|opClose, "\x03\xe8\xc3\x28")), 1007},
	{"RSV1 on a ping", string(masked(fin|rsv1|opPing, "")), 1002},
	{"RSV1 on a pong", string(masked(fin|rsv1|opPong, "")), 1002},
	{"RSV1 on a close", string(masked(fin|rsv1|opClose, "\x03\xe8")), 1002},
	{"RSV1 on a continuation", string(masked(rsv1|opText, "x")) + string(masked(fin|rsv1|opContinuation, "x")), 1002},
	{"RSV1 on a continuation of a plain message", string(masked(opText, "x")) + string(masked(fin|rsv1|opContinuation, "x")), 1002},
	{"RSV1 on a reserved opcode", string(masked(fin|rsv1|3, "x")), 1002},
	{"RSV2", string(masked(fin|0x20|opText, "x")), 1002},
	{"RSV3", string(masked(fin|0x10|opText, "x")), 1002},
	{"RSV1 and RSV2", string(masked(fin|rsv1|0x20|opText, deflated("x"))), 1002},
	{"RSV1 and RSV3 on binary", string(masked(fin|rsv1|0x10|opBinary, deflated("x"))), 1002},
	{"compressed start inside a message", string(masked(rsv1|opText, "x")) + string(compressed("x")), 1002},
	{"compressed binary inside a message", string(masked(opText, "x")) + string(masked(fin|rsv1|opBinary, "x")), 1002},
	{"continuation after a whole compressed message", string(compressed(`{"type":"ping"}`)) + string(masked(fin|opContinuation, "x")), 1002},
	{"64-bit length with the top bit set", "\xc1\xff\x80\x00\x00\x00\x00\x00\x00\x00" + "abcd", 1002},
	{"unmasked compressed text", "\xc1\x01\x00", 1002},
}

func TestHostileCompressedFramesEndTheirOwnConnectionOnly(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a", "b", "c"}})
	other := r.connect("batch=1", compressionOptions())
	other.subscribe("e")
	for _, c := range hostileDeflate {
		t.Run(c.name, func(t *testing.T) {
			w := r.rawClient(offerDeflate)
			w.t = t
			w.send([]byte(c.send))
			w.awaitClose(c.code)
			if len(c.send) < 300 { // with more, a reset would overtake the close frame
				w := r.rawClient(offerDeflate)
				w.t = t
				for i := range len(c.send) {
					w.send([]byte{c.send[i]})
				}
				w.awaitClose(c.code)
			}
			other.awaitPosition("e", "a", r.publish("b", "c", "a"))
		})
	}
	r.awaitConnections(1)
	if n := r.srv.m.panics.Get(); n != 0 {
		t.Errorf("the library panicked %d times, want 0", n)
	}
}

// The deflater does not allocate: it is used for every chunk.
func TestDeflaterAllocatesNothing(t *testing.T) {
	d := NewDeflater()
	src := []byte(strings.Repeat(`{"deviceId":"d1","ts":1700000000000},`, 500))
	dst := d.Append(nil, src)
	if n := testing.AllocsPerRun(50, func() { dst = d.Append(dst[:0], src) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if got, err := inflate(dst, len(src)); err != nil || string(got) != string(src) {
		t.Errorf("inflate returns %d bytes and error %v, want the %d bytes compressed", len(got), err, len(src))
	}
	if _, err := inflate(dst, len(src)-1); err != errTooLong {
		t.Errorf("a text one byte longer than the limit: error %v, want errTooLong", err)
	}
}

// FuzzInflate checks that inflate never panics, whatever clients send, and returns
// no more than the limit.
func FuzzInflate(f *testing.F) {
	f.Add([]byte(deflated(`{"type":"ping"}`)))
	f.Add([]byte(deflated(strings.Repeat(" ", 1<<16))))
	f.Fuzz(func(t *testing.T, message []byte) {
		text, err := inflate(append([]byte(nil), message...), 4096)
		if len(text) > 4096 || err != nil && text != nil {
			t.Errorf("got %d bytes and error %v, want 4096 bytes at most, and none with an error", len(text), err)
		}
	})
}
