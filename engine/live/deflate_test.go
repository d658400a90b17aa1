package live

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"pitwall/engine/internal/testenv"
)

// offer is the header line of a browser.
const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

// deflated is a message of a client as DEFLATE.
func deflated(message string) string { return string(new(deflater).Append(nil, []byte(message))) }

// zipped is a whole compressed text message.
func zipped(message string) []byte { return masked(fin|rsv1|opText, deflated(message)) }

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
		{on, []string{offer}, agreed, ""},
		{on, []string{named}, "", "pitwall.v1"},
		{on, []string{offer, named}, agreed, "pitwall.v1"},
		{on, []string{offer, "Sec-WebSocket-Protocol: other"}, agreed, ""},
		{on, []string{"Sec-WebSocket-Protocol: other", named}, "", "pitwall.v1"},
		{on, []string{"Sec-WebSocket-Extensions: x-other", offer}, agreed, ""},
		{on, []string{"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9"}, "", ""},
		{on, []string{"Sec-WebSocket-Extensions: permessage-deflate; ;"}, "", ""},
		{off, []string{offer, named}, "", "pitwall.v1"},
	} {
		w := c.r.open(shake("batch=1", c.headers...))
		h := w.upgraded().Header
		w.welcome()
		if e, p := h.Get("Sec-WebSocket-Extensions"), h.Get("Sec-WebSocket-Protocol"); e != c.extension || p != c.protocol {
			t.Errorf("%q: answered with %q and %q, want %q and %q", c.headers, e, p, c.extension, c.protocol)
		}
	}
}

// compressing are the options of a client that compresses all that it sends.
func compressing() *websocket.DialOptions {
	return &websocket.DialOptions{
		CompressionMode: websocket.CompressionNoContextTakeover, CompressionThreshold: 1,
		HTTPHeader: http.Header{},
	}
}

// Compressed or not, in one frame or many: all screens show the same.
func TestCompressedAndPlainScreensAreEqual(t *testing.T) {
	devices := names(100)
	r := start(t, map[string][]string{"e": devices})
	r.publish(devices...)
	all := []*spectator{r.spectator(""), r.spectator("batch=1"), r.connect("", compressing()), r.connect("batch=1", compressing())}
	for _, s := range all {
		s.subscribe("e")
	}
	calm := r.connect("batch=1", compressing())
	calm.ask("subscribe", `,"topic":"event:e","interval":250`)
	for round := range 20 {
		if round == 10 { // roster frames stand between positions
			devices = devices[10:]
			r.swap(map[string][]string{"e": devices})
		}
		r.publish(devices...)
		for i, s := range all {
			testenv.Eventually(t, patience, fmt.Sprintf("round %d on screen %d", round, i), func() bool { return s.shows(r, "e", devices) })
		}
	}
	testenv.Eventually(t, patience, "the newest of all on the calm screen", func() bool { return calm.shows(r, "e", devices) })
	for i, s := range all[1:] {
		testenv.Eventually(t, patience, fmt.Sprintf("as many positions on screen %d as on the first", i+1), func() bool {
			want, _ := all[0].count("e")
			got, _ := s.count("e")
			return got == want
		})
	}
	s := r.core.Stats()
	if s.Deflated == 0 || s.DeflateOut*2 > s.DeflateIn {
		t.Errorf("%d chunks compressed from %d to %d bytes, want less than half", s.Deflated, s.DeflateIn, s.DeflateOut)
	}
}

// A connection that has not agreed is never sent a compressed frame, one that
// has gets snapshots and positions frames compressed: wire checks the headers.
func TestCompressedFramesNeedAnAgreement(t *testing.T) {
	devices := names(40)
	r := start(t, map[string][]string{"e": devices})
	r.publish(devices...)
	for _, c := range []struct {
		query    string
		headers  []string
		snapshot bool
		flow     bool
	}{{"", nil, false, false}, {"batch=1", nil, false, false}, {"", []string{offer}, true, false}, {"batch=1", []string{offer}, true, true}} {
		w := r.open(shake(c.query, c.headers...))
		w.upgraded()
		w.welcome()
		w.subscribe("e")
		if w.deflated > 0 != c.snapshot {
			t.Errorf("%q %q: %d compressed snapshots", c.query, c.headers, w.deflated)
		}
		w.deflated = 0
		for range 5 {
			r.publish(devices...)
			w.readUntil("the newest", func() bool { return w.screen.shows(r, "e", devices) })
		}
		if w.deflated > 0 != c.flow {
			t.Errorf("%q %q: %d compressed frames in the flow", c.query, c.headers, w.deflated)
		}
	}
}

// Messages of all kinds in one packet, in few and byte by byte: each is
// answered, in order.
func TestCompressedRequests(t *testing.T) {
	r := start(t, nil)
	w := r.wire(offer)
	rng := rand.New(rand.NewPCG(3, 5))
	for round := range 60 {
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
				send = append(send, zipped(ping)...)
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
			case 5: // with a last block
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
			w.until(part)
		}
	}
}

// The limit is that of the inflated message.
func TestLimitOfCompressedRequests(t *testing.T) {
	r := start(t, nil)
	w := r.wire(offer)
	ping := `{"type":"ping","id":"x"}`
	w.send(zipped(ping + strings.Repeat(" ", 4096-len(ping))))
	w.until(`"id":"x"`)
	w.send(zipped(ping + strings.Repeat(" ", 4097-len(ping))))
	w.closed(1009)
}

var hostileDeflate = []struct {
	name string
	send string
	code int
}{
	{"bomb", string(zipped(strings.Repeat(" ", 1<<20))), 1009},
	{"bomb in fragments", string(masked(rsv1|opText, deflated(strings.Repeat(" ", 1<<20))[:500])) +
		string(masked(fin|opContinuation, deflated(strings.Repeat(" ", 1<<20))[500:])), 1009},
	{"many bombs", strings.Repeat(string(zipped(strings.Repeat(" ", 20<<10))), 20), 1009},
	{"compressed message too long as it is", string(header(fin|rsv1|opText, 4097)), 1009},
	{"plain message too long", string(header(fin|opText, 4097)), 1009},
	{"no DEFLATE", string(masked(fin|rsv1|opText, `{"type":"ping"}`)), 1007},
	{"empty", string(masked(fin|rsv1|opText, "")), 1007},
	{"DEFLATE cut off", string(masked(fin|rsv1|opText, deflated(`{"type":"ping","id":"abcdefg"}`)[:8])), 1007},
	{"reference to a message before", string(zipped(`{"type":"ping"}`)) + string(masked(fin|rsv1|opText, "\x42\x06\x00")), 1007},
	{"compressed bad UTF-8", string(zipped("\xc3\x28")), 1007},
	{"compressed UTF-8 cut off", string(zipped("abc\xe2\x82")), 1007},
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
	{"compressed start inside a message", string(masked(rsv1|opText, "x")) + string(zipped("x")), 1002},
	{"compressed binary inside a message", string(masked(opText, "x")) + string(masked(fin|rsv1|opBinary, "x")), 1002},
	{"continuation after a whole compressed message", string(zipped(`{"type":"ping"}`)) + string(masked(fin|opContinuation, "x")), 1002},
	{"64-bit length with the top bit set", "\xc1\xff\x80\x00\x00\x00\x00\x00\x00\x00" + "abcd", 1002},
	{"unmasked compressed text", "\xc1\x01\x00", 1002},
}

func TestHostileCompressedFramesEndTheirOwnConnectionOnly(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a", "b", "c"}})
	by := r.connect("batch=1", compressing())
	by.subscribe("e")
	for _, c := range hostileDeflate {
		t.Run(c.name, func(t *testing.T) {
			w := r.wire(offer)
			w.t = t
			w.send([]byte(c.send))
			w.closed(c.code)
			if len(c.send) < 300 { // else a reset would overtake the close frame
				w := r.wire(offer)
				w.t = t
				for i := range len(c.send) {
					w.send([]byte{c.send[i]})
				}
				w.closed(c.code)
			}
			by.sees("e", "a", r.publish("b", "c", "a"))
		})
	}
	r.gone(1)
	if n := r.srv.m.panics.Get(); n != 0 {
		t.Errorf("%d panics in the library", n)
	}
}

// The compressor is used at every seal.
func TestDeflaterAllocatesNothing(t *testing.T) {
	d := NewDeflater()
	src := []byte(strings.Repeat(`{"deviceId":"d1","ts":1700000000000},`, 500))
	dst := d.Append(nil, src)
	if n := testing.AllocsPerRun(50, func() { dst = d.Append(dst[:0], src) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if got, err := inflate(dst, len(src)); err != nil || string(got) != string(src) {
		t.Errorf("%d bytes come back, error %v", len(got), err)
	}
	if _, err := inflate(dst, len(src)-1); err != errTooLong {
		t.Errorf("one byte too long: error %v", err)
	}
}

// FuzzInflate reads what clients may send: no panic, and never more than the
// limit.
func FuzzInflate(f *testing.F) {
	f.Add([]byte(deflated(`{"type":"ping"}`)))
	f.Add([]byte(deflated(strings.Repeat(" ", 1<<16))))
	f.Fuzz(func(t *testing.T, message []byte) {
		text, err := inflate(append([]byte(nil), message...), 4096)
		if len(text) > 4096 || err != nil && text != nil {
			t.Errorf("%d bytes, error %v", len(text), err)
		}
	})
}
