package spectators

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pitwall/bench/internal/latency"
)

// live is a position frame with device d and record n.
func live(d, n int) string {
	return fmt.Sprintf(`{"type":"position","topic":"event:e","deviceId":"d%d","ts":5,"lat":1,"attributes":{"battery":87,"n":%d,"at":1000}}`, d, n)
}

func snapshot(reason string, items ...string) string {
	return `{"type":"snapshot","topic":"event:e","part":1,"parts":1,"reason":"` + reason + `","conflated":7,"positions":[` + strings.Join(items, ",") + `]}`
}

func body(d, n int) string {
	return fmt.Sprintf(`{"deviceId":"d%d","ts":5,"lat":1,"attributes":{"n":%d,"at":1000}}`, d, n)
}

func TestChecks(t *testing.T) {
	const subscribed = `{"type":"subscribed","id":"1","topic":"event:e","devices":4,"parts":1,"intervalMs":0}`
	begin := []string{subscribed, snapshot("subscribe", body(0, 3))}
	tests := []struct {
		name     string
		interval int
		frames   []string
		want     Counts
	}{
		{"all in order", 0, []string{live(0, 4), live(1, 1), live(0, 5)}, Counts{Deliveries: 3}},
		{"a gap", 0, []string{live(0, 6)}, Counts{Deliveries: 1, Gaps: 2}},
		{"a gap at the first one", 0, []string{live(1, 3)}, Counts{Deliveries: 1, Gaps: 2}},
		{"a gap where an interval was asked for", 250, []string{live(0, 6)}, Counts{Deliveries: 1}},
		{"a duplicate", 0, []string{live(0, 4), live(0, 4)}, Counts{Deliveries: 2, Duplicates: 1}},
		{"the snapshot again", 0, []string{live(0, 3)}, Counts{Deliveries: 1, Duplicates: 1}},
		{"out of order", 0, []string{live(0, 4), live(0, 5), live(0, 4), live(0, 6)}, Counts{Deliveries: 4, Reordered: 1}},
		{"many in one frame", 0, []string{`{"type":"positions","topic":"event:e","positions":[` + body(0, 4) + "," + body(1, 2) + "]}"},
			Counts{Deliveries: 2, Gaps: 1}},
		{"a device of another event", 0, []string{live(9, 1)}, Counts{Deliveries: 1, Stray: 1}},
		{"a device of another publisher", 0, []string{strings.Replace(live(0, 4), `"d0"`, `"x0"`, 1)}, Counts{Foreign: 1}},
		{"a record of an earlier run", 0, []string{live(0, 0)}, Counts{Foreign: 1}},
		{"lagged jumps forward", 0, []string{snapshot("lagged", body(0, 9)), live(0, 10)},
			Counts{Deliveries: 1, SnapshotItems: 1, Lagged: 1, Conflated: 7}},
		{"lagged goes back", 0, []string{live(0, 4), snapshot("lagged", body(0, 3))},
			Counts{Deliveries: 1, SnapshotItems: 1, Lagged: 1, Conflated: 7, Reordered: 1}},
		{"lagged leaves one out", 0, []string{snapshot("lagged", body(0, 9)), live(0, 11)},
			Counts{Deliveries: 1, SnapshotItems: 1, Lagged: 1, Conflated: 7, Gaps: 1}},
		{"a device joins", 0, []string{`{"type":"roster","topic":"event:e","added":["d2"],"removed":[]}`, live(2, 40), live(2, 41)},
			Counts{Deliveries: 2}},
		{"a device leaves, and still sends", 0, []string{`{"type":"roster","topic":"event:e","added":[],"removed":["d0"]}`, live(0, 4)},
			Counts{Deliveries: 1, Stray: 1}},
		{"an error", 0, []string{`{"type":"error","id":"1","code":"forbidden","message":"no"}`}, Counts{Refused: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Group{cfg: Config{Dialect: dialectPitwall, Prefix: "d", Events: []Event{{"e", 0, 4}}, Interval: tt.interval}, joins: latency.New()}
			s.check = newChecker(&s.cfg)
			k := &client{state: stateAsked}
			for _, f := range append(append([]string(nil), begin...), tt.frames...) {
				s.message(k, []byte(f), 2000)
			}
			tt.want.SnapshotItems++ // of the beginning
			if diff := cmp.Diff(tt.want, s.check.counts); diff != "" {
				t.Errorf("after %q (-want +got):\n%s", tt.frames, diff)
			}
			if k.state != stateJoined {
				t.Errorf("state %d, want joined", k.state)
			}
		})
	}
}

// TestForeignEnvelopes: positions of other servers are found.
func TestForeignEnvelopes(t *testing.T) {
	tests := []struct{ dialect, subscribed, message string }{
		{dialectCentrifuge, `{"id":1,"connect":{"client":"x"}}` + "\n" + `{"id":2,"subscribe":{}}`,
			`{"push":{"channel":"event:e","pub":{"data":` + body(0, 1) + `}}}` + "\n" + `{"push":{"channel":"event:e","pub":{"data":` + body(1, 1) + `}}}`},
		{dialectNATS, "PONG\r\n", "MSG event.e 1 80\r\n" + body(0, 1) + "\r\nMSG event.e 1 80\r\n" + body(1, 1) + "\r\n"},
		{dialectPlain, "{}", "[" + body(0, 1) + "," + body(1, 1) + "]"},
	}
	for _, tt := range tests {
		t.Run(tt.dialect, func(t *testing.T) {
			s := &Group{cfg: Config{Dialect: tt.dialect, Prefix: "d", Events: []Event{{"e", 0, 4}}}, joins: latency.New()}
			s.check = newChecker(&s.cfg)
			k := &client{state: stateAsked}
			s.message(k, []byte(tt.subscribed), 2000)
			s.message(k, []byte(tt.message), 2000)
			if want := (Counts{Deliveries: 2}); s.check.counts != want || k.state != stateJoined {
				t.Errorf("state %d and %+v, want joined and %+v", k.state, s.check.counts, want)
			}
		})
	}
}

func TestNextFrame(t *testing.T) {
	long := string(make([]byte, 300))
	tests := []struct {
		name    string
		bytes   string
		payload string
		size    int
		ok      bool
		broken  bool
	}{
		{"short", "\x81\x02hi!", "hi", 4, true, false},
		{"16 bit length", "\x81\x7e\x01\x2c" + long, long, 304, true, false},
		{"64 bit length", "\x82\x7f\x00\x00\x00\x00\x00\x00\x01\x2c" + long, long, 310, true, false},
		{"nothing yet", "", "", 2, false, false},
		{"half a header", "\x81\x7e\x01", "", 4, false, false},
		{"half a payload", "\x81\x05hi", "", 7, false, false},
		{"masked", "\x81\x82hihihi", "", 0, false, true},
		{"fragmented", "\x01\x02hi", "", 0, false, true},
		{"compressed", "\xc1\x02hi", "", 0, false, true},
		{"absurd length", "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", "", 0, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, payload, size, ok, broken := next([]byte(tt.bytes))
			if string(payload) != tt.payload || ok != tt.ok || broken != tt.broken || !broken && size != tt.size {
				t.Errorf("next(%q) = %q, size %d, %t, broken %t; want %q, %d, %t, %t",
					tt.bytes, payload, size, ok, broken, tt.payload, tt.size, tt.ok, tt.broken)
			}
		})
	}
}

// TestPositionAllocates: checking a position allocates nothing. It happens a million
// times a second.
func TestPositionAllocates(t *testing.T) {
	s := &Group{cfg: Config{Dialect: dialectPitwall, Prefix: "d", Events: []Event{{"e", 0, 4}}, Interval: 1}, joins: latency.New()}
	s.check = newChecker(&s.cfg)
	s.check.to = 1 << 60
	k := &client{state: stateJoined}
	m := []byte(live(0, 7))
	s.message(k, m, 2000)
	if n := testing.AllocsPerRun(1000, func() { s.message(k, m, 2000) }); n != 0 {
		t.Errorf("%v allocations per position, want none", n)
	}
}

func BenchmarkPosition(b *testing.B) {
	s := &Group{cfg: Config{Dialect: dialectPitwall, Prefix: "d", Events: []Event{{"e", 0, 4}}, Interval: 1}, joins: latency.New()}
	s.check = newChecker(&s.cfg)
	s.check.to = 1 << 60
	k := &client{state: stateJoined}
	m := []byte(live(0, 7))
	b.SetBytes(int64(len(m)))
	for b.Loop() {
		s.message(k, m, 2000)
	}
}
