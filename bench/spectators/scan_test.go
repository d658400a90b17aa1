package spectators

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"pitwall/bench/internal/latency"
)

// TestNumbersBefore: numbers of strconv are read back, with text before them.
func TestNumbersBefore(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		want := rng.Int64N(1 << (1 + rng.IntN(62)))
		text := `"at":` + strconv.FormatInt(want, 10)
		for name, read := range map[string]func([]byte) (int64, int){"numberBefore": numberBefore, "timeBefore": timeBefore} {
			if got, begin := read([]byte(text)); got != want || begin != len(`"at":`) {
				t.Fatalf("%s(%q) = %d from %d on", name, text, got, begin)
			}
		}
	}
}

// TestEightDigits: only digits are read as digits.
func TestEightDigits(t *testing.T) {
	for place := range 8 {
		for c := range 256 {
			b := []byte("90817263")
			b[place] = byte(c)
			want, err := strconv.ParseUint(string(b), 10, 64)
			if got, ok := eightDigits(b); ok != (err == nil) || ok && got != int64(want) {
				t.Fatalf("eightDigits(%q) = %d, %t", b, got, ok)
			}
		}
	}
}

// TestScan: the positions of a message are found in any envelope.
func TestScan(t *testing.T) {
	const at = 1764362910123456
	one := func(d, n int) string {
		return fmt.Sprintf(`{"deviceId":"d%d","lat":1,"attributes":{"n":%d,"at":%d}}`, d, n, at)
	}
	tests := []struct {
		name, text string
		want       []item
		foreign    int64
	}{
		{"side by side", "[" + one(0, 1) + "," + one(1, 22) + "," + one(2, 333) + "]", []item{{0, 1, at}, {1, 22, at}, {2, 333, at}}, 0},
		{"on separate lines", one(0, 1) + "\n" + one(1, 2), []item{{0, 1, at}, {1, 2, at}}, 0},
		{"an object before the numbers", `{"deviceId":"d4","io":{"a":1},"attributes":{"n":5,"at":77}}`, []item{{4, 5, 77}}, 0},
		{"more after the numbers", `{"deviceId":"d4","attributes":{"n":5,"at":77,"x":1}}`, []item{{4, 5, 77}}, 0},
		{"no braces", `"deviceId":"d4","n":5,"at":77`, []item{{4, 5, 77}}, 0},
		{"no number of a record", `{"deviceId":"d4","attributes":{"x":5}}`, nil, 1},
		{"no time", `{"deviceId":"d4","attributes":{"n":5}}`, nil, 1},
		{"no number of a device", `{"deviceId":"d","attributes":{"n":5,"at":77}}`, nil, 1},
		{"none", `{"deviceId":"x1","attributes":{"n":5,"at":77}}`, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newChecker(&Config{Prefix: "d"})
			var got []item
			c.scan([]byte(tt.text), func(p item) { got = append(got, p) })
			if fmt.Sprint(got) != fmt.Sprint(tt.want) || c.counts.Foreign != tt.foreign {
				t.Errorf("%v and %d of others in %s, want %v and %d", got, c.counts.Foreign, tt.text, tt.want, tt.foreign)
			}
		})
	}
}

// BenchmarkCrowd is the work of a group in one window of a busy event: 2,000 clients
// read the same 400 positions. It leaves out the kernel, which takes half of the
// time of a real group.
func BenchmarkCrowd(b *testing.B) {
	const clients, devices, run = 2000, 1000, 400
	s := &Group{cfg: Config{Dialect: dialectPitwall, Prefix: "bench-d", Events: []Event{{"bench-0", 0, devices}}}, joins: latency.New()}
	s.check = newChecker(&s.cfg)
	s.check.to = 1 << 60
	crowd := make([]client, clients)
	for i := range crowd {
		crowd[i].state = stateJoined
	}
	buf, n := make([]byte, readBuffer), 0
	var sent []byte
	for b.Loop() {
		b.StopTimer()
		sent = sent[:0]
		for range run {
			m := position(n%devices, n/devices+1)
			sent = append(append(sent, 0x81, 126, byte(len(m)>>8), byte(len(m))), m...)
			n++
		}
		b.StartTimer()
		for i := range crowd {
			s.frames(&crowd[i], buf[:copy(buf, sent)], 2000)
		}
	}
	if c := s.check.counts; c.Violations()+c.Foreign > 0 || c.Deliveries != int64(b.N*clients*run) {
		b.Fatalf("%+v", c)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.check.counts.Deliveries), "ns/position")
}

// position is the text of a position frame of realistic length.
func position(device, n int) string {
	return `{"type":"position","topic":"event:bench-0",` + place(device, n) + `}`
}

// place is a position in a frame or a snapshot.
func place(device, n int) string {
	return fmt.Sprintf(`"deviceId":"bench-d%05d","ts":1764362910123,"arrival":1764362910124,"lat":57.1234567,"lon":11.1234567,"alt":12.5,`+
		`"speed":13.5,"course":45.5,"sat":12,"attributes":{"battery":87,"moving":true,"n":%d,"at":1764362910123456}`, device, n)
}

// BenchmarkSnapshot reads a snapshot of 500 devices.
func BenchmarkSnapshot(b *testing.B) {
	const devices = 500
	var items []string
	for d := range devices {
		items = append(items, "{"+place(d, 1)+"}")
	}
	m := []byte(snapshot("subscribe", strings.Join(items, ",")))
	c := newChecker(&Config{Prefix: "bench-d"})
	b.SetBytes(int64(len(m)))
	for b.Loop() {
		if n := c.scan(m, func(item) {}); n != devices {
			b.Fatalf("%d positions found", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/devices, "ns/position")
}
