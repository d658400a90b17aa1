package spectators

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// published are the records that a correct server sends, and the last number of each
// device.
func published(at time.Time) (list []record, last []uint32) {
	for n := range doubleRecords {
		for d := range doubleDevices {
			list = append(list, record{d, n + 1, at})
		}
	}
	for range doubleDevices {
		last = append(last, doubleRecords)
	}
	return list, last
}

// TestFaultyServers: servers that delay, drop, duplicate or reorder positions are
// detected, and a correct server is not.
func TestFaultyServers(t *testing.T) {
	const all = doubleClients * doubleDevices * doubleRecords
	tests := []struct {
		name  string
		fault func(list []record) []record
		want  Counts
		late  time.Duration // minimum of p50
		miss  int64
	}{
		{name: "correct", fault: func(l []record) []record { return l }, want: Counts{Deliveries: all}},
		{name: "delaying", fault: func(l []record) []record {
			for i := range l {
				l[i].at = l[i].at.Add(-300 * time.Millisecond) // due long before it was sent
			}
			return l
		}, want: Counts{Deliveries: all}, late: 300 * time.Millisecond},
		{name: "dropping", fault: func(l []record) []record { return slices.Delete(l, 100, 101) },
			want: Counts{Deliveries: all - doubleClients, Gaps: doubleClients}},
		{name: "dropping the last one", fault: func(l []record) []record { return l[:len(l)-1] },
			want: Counts{Deliveries: all - doubleClients}, miss: doubleClients},
		{name: "duplicating", fault: func(l []record) []record { return slices.Insert(l, 50, l[49]) },
			want: Counts{Deliveries: all + doubleClients, Duplicates: doubleClients}},
		{name: "reordering", fault: func(l []record) []record {
			l[100], l[100+doubleDevices] = l[100+doubleDevices], l[100]
			return l
		}, want: Counts{Deliveries: all, Gaps: doubleClients, Reordered: doubleClients}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDouble(t)
			s := startGroup(t, testConfig(d.addr))
			s.orders <- Order{Do: "connect", Clients: doubleClients, OverMS: 20}
			s.orders <- Order{Do: "measure", From: 0, To: 1 << 60}
			s.until("the clients", func(p Status) bool { return p.Joined == doubleClients })
			list, last := published(time.Now())
			d.send(tt.fault(list))
			within := patience
			if tt.miss > 0 {
				within = 300 * time.Millisecond
			}
			s.orders <- Order{Do: "finish", Published: last, WithinMS: int(within.Milliseconds())}
			p := s.until("the end", func(p Status) bool { return p.Final })
			got := p.Counts
			got.Reads, got.Bytes = 0, 0
			if got != tt.want || p.Missing != tt.miss {
				t.Errorf("got %+v and %d missing, want %+v and %d", got, p.Missing, tt.want, tt.miss)
			}
			if n := s.latency.TotalCount(); n == 0 {
				t.Error("no latency was measured")
			}
			if p50 := time.Duration(s.latency.ValueAtQuantile(50)) * time.Microsecond; p50 < tt.late {
				t.Errorf("p50 is %v, want at least %v", p50, tt.late)
			}
		})
	}
}

// TestLostConnections: connections that the server closes are counted.
func TestLostConnections(t *testing.T) {
	d := newDouble(t)
	s := startGroup(t, testConfig(d.addr))
	s.orders <- Order{Do: "connect", Clients: doubleClients}
	s.until("the clients", func(p Status) bool { return p.Joined == doubleClients })
	d.mu.Lock()
	_, _ = d.conns[0].Write([]byte{0x88, 2, 0x03, 0xf0}) // closed with 1008
	_, _ = d.conns[1].Write([]byte{0x88 | 0x40, 0})      // compressed, which was not negotiated
	d.mu.Unlock()
	p := s.until("two to be gone", func(p Status) bool { return p.Joined == doubleClients-2 })
	if p.Counts.Lost != 1 || p.Counts.Broken != 1 || !strings.Contains(p.Fault, "1008") {
		t.Errorf("%d lost, %d broken, %q; want 1, 1 and the code 1008", p.Counts.Lost, p.Counts.Broken, p.Fault)
	}
}

// TestComingBack: all clients drop and reconnect, and none is counted as lost.
func TestComingBack(t *testing.T) {
	for _, every := range []int{1, 2} {
		t.Run("check every "+itoa(int64(every)), func(t *testing.T) { comingBack(t, every) })
	}
}

func comingBack(t *testing.T, every int) {
	d := newDouble(t)
	cfg := testConfig(d.addr)
	cfg.CheckEvery = every
	s := startGroup(t, cfg)
	s.orders <- Order{Do: "connect", Clients: doubleClients}
	s.until("the clients", func(p Status) bool { return p.Joined == doubleClients })
	joins := int64(0)
	s.orders <- Order{Do: "drop", Clients: doubleClients, OverMS: 50}
	s.until("all clients to be back", func(p Status) bool {
		if p.Join.Histogram != nil {
			joins += p.Join.TotalCount()
		}
		return joins >= doubleClients && p.Joined == doubleClients
	})
	if s.last.Counts.Lost+s.last.Counts.Refused > 0 {
		t.Errorf("%+v: a client that reconnects is not lost", s.last.Counts)
	}
}

// TestRefusals: the reason for a refusal is reported.
func TestRefusals(t *testing.T) {
	d := &double{t: t}
	d.listen(http.NotFoundHandler())
	s := startGroup(t, testConfig(d.addr))
	s.orders <- Order{Do: "connect", Clients: doubleClients}
	p := s.until("refusals", func(p Status) bool { return p.Counts.Refused == doubleClients })
	if !strings.Contains(p.Fault, "404") {
		t.Errorf("fault %q, want one with 404", p.Fault)
	}
}

// TestLongFrame: a frame may be longer than the buffer of the loop.
func TestLongFrame(t *testing.T) {
	d := newDouble(t)
	s := startGroup(t, testConfig(d.addr))
	s.orders <- Order{Do: "connect", Clients: doubleClients}
	s.until("the clients", func(p Status) bool { return p.Joined == doubleClients })
	text := snapshot("lagged", body(0, 1), strings.Repeat(" ", 3*readBuffer), body(1, 1))
	n := len(text)
	frame := append([]byte{0x81, 127, 0, 0, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}, text...)
	d.mu.Lock()
	for _, c := range d.conns {
		_, _ = c.Write(frame)
	}
	d.mu.Unlock()
	s.until("the long snapshot", func(p Status) bool { return p.Counts.SnapshotItems == 2*doubleClients })
}
