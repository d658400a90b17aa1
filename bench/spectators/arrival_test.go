package spectators

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/bench/internal/latency"
)

// byHand is a group whose loop the test drives. All clients have joined, and the
// double sends to all of them. Each client's counts are separate.
type byHand struct {
	*Group
	t    *testing.T
	d    *double
	seen []Counts // by client
}

func newByHand(t *testing.T, cfg Config) *byHand {
	t.Helper()
	d := newDouble(t)
	cfg.Addr = d.addr
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	h := &byHand{Group: s, t: t, d: d, seen: make([]Counts, len(cfg.Watch))}
	for _, o := range []Order{{Do: "connect", Clients: len(cfg.Watch)}, {Do: "measure", From: 0, To: 1 << 60}} {
		if err := s.obey(o); err != nil {
			t.Fatal(err)
		}
	}
	h.until("the clients", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return s.joined == len(cfg.Watch) && len(d.conns) == len(cfg.Watch)
	})
	return h
}

// until runs the loop until cond holds.
func (h *byHand) until(what string, cond func() bool) {
	h.t.Helper()
	events := make([]unix.EpollEvent, 1)
	for limit := time.Now().Add(patience); !cond(); {
		if time.Now().After(limit) {
			h.t.Fatalf("waited %v for %s; %+v, %q", patience, what, h.check.counts, h.fault)
		}
		h.timers(time.Now())
		n, err := unix.EpollWait(h.poll, events, 10)
		if err == unix.EINTR || n == 0 {
			continue
		}
		if err != nil {
			h.t.Fatal(err)
		}
		h.check.counts = Counts{}
		h.event(int(events[0].Fd), events[0].Events)
		h.seen[h.byFD[int(events[0].Fd)]].Add(h.check.counts)
	}
}

// stamps sends records from number n until the kernel provides time stamps, and
// clears the counts. It returns the next number.
func (h *byHand) stamps(n int) int {
	h.t.Helper()
	for limit := time.Now().Add(patience); h.arrivals.waits.TotalCount() == 0; n++ {
		if time.Now().After(limit) {
			h.t.Fatalf("the kernel provided no time stamp in %v", patience)
		}
		h.d.send([]record{{0, n, time.Now()}})
		h.until("a position", func() bool {
			return !slices.ContainsFunc(h.clients, func(k client) bool { return k.last == nil || k.last[0] < uint32(n) })
		})
	}
	h.status(false)
	clear(h.seen)
	return n
}

// lone is a group of one client whose bytes have time stamps, and the number of the
// next record.
func lone(t *testing.T) (*byHand, int) {
	t.Helper()
	cfg := testConfig("")
	cfg.Watch = make([]int32, 1)
	h := newByHand(t, cfg)
	return h, h.stamps(1)
}

// arrive sends record n and waits until it is in the socket of the lone client,
// after what is there already. sent is a time before it was sent, there one after
// it was seen in the socket, in ns since the Unix epoch.
func (h *byHand) arrive(n int) (sent, there int64) {
	h.t.Helper()
	held := func() int {
		size, err := unix.IoctlGetInt(h.clients[0].fd, unix.SIOCINQ)
		if err != nil {
			h.t.Fatal(err)
		}
		return size
	}
	before := held()
	sent = time.Now().UnixNano()
	h.d.send([]record{{0, n, time.Now()}})
	for limit := time.Now().Add(patience); held() == before; {
		if time.Now().After(limit) {
			h.t.Fatalf("waited %v for bytes", patience)
		}
	}
	return sent, time.Now().UnixNano()
}

// hold is how long the tests leave bytes in a socket.
const hold = 30 * time.Millisecond

// TestWaitOfAHeldReader: the wait is at least the time in the socket, and at most
// the time since it was sent.
func TestWaitOfAHeldReader(t *testing.T) {
	h, n := lone(t)
	for range 3 {
		sent, there := h.arrive(n)
		<-time.After(hold) // the wait that is measured
		h.wantWait(n, 1, time.Now().UnixNano()-there, sent)
		n++
	}
}

// TestWaitIsThatOfTheNewest: if one read brings several segments, the wait is that of
// the last one, as the kernel provides one time stamp per read.
func TestWaitIsThatOfTheNewest(t *testing.T) {
	h, n := lone(t)
	h.arrive(n)
	<-time.After(hold)
	sent, there := h.arrive(n + 1)
	h.wantWait(n+1, 2, time.Now().UnixNano()-there, sent)
}

// wantWait lets the lone client read up to record n, and checks the number of waits
// and that they are at least least ns and at most the time since sent.
func (h *byHand) wantWait(n int, count, least, sent int64) {
	h.t.Helper()
	k := &h.clients[0]
	h.read(k, len(h.buf))
	most := time.Now().UnixNano() - sent
	p := h.status(false)
	if p.Wait.TotalCount() != count || k.last[0] != uint32(n) {
		h.t.Fatalf("%d waits, the last position is %d; want %d and %d", p.Wait.TotalCount(), k.last[0], count, n)
	}
	if p.Wait.Max() < least/1000 || p.Wait.Min() > most/1000 {
		h.t.Errorf("the wait is %d to %d µs, want %d to %d", p.Wait.Min(), p.Wait.Max(), least/1000, most/1000)
	}
}

// TestSampledClientsCountAsOthers: sampled and other clients see the same, even if
// frames come in pieces. A sampled client counts one wait for each latency.
func TestSampledClientsCountAsOthers(t *testing.T) {
	h := newByHand(t, testConfig(""))
	if !h.clients[0].stamped || h.clients[1].stamped {
		t.Fatal("want the first client sampled, and the second not")
	}
	n := h.stamps(1)
	var list []record
	for i := range doubleRecords {
		list = append(list, record{0, n + i, time.Now()})
	}
	list = slices.Insert(slices.Delete(list, 10, 11), 20, list[19])
	for _, c := range h.d.conns { // half a frame
		if _, err := c.Write([]byte{0x81, 5, 'h'}); err != nil {
			t.Fatal(err)
		}
	}
	h.until("half a frame", func() bool {
		return !slices.ContainsFunc(h.clients, func(k client) bool { return len(k.rest) == 0 })
	})
	for _, c := range h.d.conns {
		if _, err := c.Write([]byte("ello")); err != nil {
			t.Fatal(err)
		}
	}
	h.d.send(list)
	h.until("all positions", func() bool {
		return !slices.ContainsFunc(h.clients, func(k client) bool { return k.last[0] < uint32(n+doubleRecords-1) })
	})
	for i := range h.seen {
		h.seen[i].Reads = 0
	}
	if want := h.seen[1]; h.seen[0] != want || want.Deliveries != doubleRecords || want.Gaps != 1 || want.Duplicates != 1 {
		t.Errorf("the sampled client saw %+v, another %+v; want the same, %d deliveries, a gap and a duplicate", h.seen[0], want, doubleRecords)
	}
	if !slices.Equal(h.clients[0].last, h.clients[1].last) {
		t.Errorf("the sampled client has come to %v, another to %v", h.clients[0].last, h.clients[1].last)
	}
	p := h.status(false)
	if got := p.Wait.TotalCount(); got != doubleRecords || p.Latency.TotalCount() != doubleRecords*doubleClients {
		t.Errorf("%d waits and %d latencies, want %d and %d", got, p.Latency.TotalCount(), doubleRecords, doubleRecords*doubleClients)
	}
}

// TestNoStamps: if the kernel provides no time stamps, positions are checked as
// usual, and there are no waits.
func TestNoStamps(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if stamp(int(r.Fd())) {
		t.Error("a pipe has time stamps")
	}
	cfg := testConfig("")
	cfg.Watch = make([]int32, 1)
	h := newByHand(t, cfg)
	if err := unix.SetsockoptInt(h.clients[0].fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 0); err != nil {
		t.Fatal(err)
	}
	list, _ := published(time.Now())
	h.d.send(list)
	h.until("all positions", func() bool { return h.seen[0].Deliveries == int64(len(list)) })
	p := h.status(false)
	if p.Wait.TotalCount() != 0 || p.Odd != 0 || p.Latency.TotalCount() != int64(len(list)) {
		t.Errorf("%d waits, %d odd, %d latencies; want none, none and %d", p.Wait.TotalCount(), p.Odd, p.Latency.TotalCount(), len(list))
	}
}

// TestSampled: the sample has fast clients only, and some of every event.
func TestSampled(t *testing.T) {
	const slow, clients, events = 20, 2000, 50
	s := &Group{cfg: Config{Slow: slow, Watch: make([]int32, clients)}}
	if err := s.obey(Order{Do: "connect", Clients: clients}); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for i := range clients {
		if !s.clients[i].timed {
			continue
		}
		if i < slow {
			t.Errorf("client %d is sampled, and slow", i)
		}
		seen[i%events] = true
	}
	if !s.clients[slow].timed || len(seen) != events {
		t.Errorf("%d of %d events are in the sample; the first fast client is: %t", len(seen), events, s.clients[slow].timed)
	}
}

// TestClockThatWasSet: waits that are impossible are left out and counted.
func TestClockThatWasSet(t *testing.T) {
	a := newArrivals()
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		a.parsed(time.Now().Add(off).UnixNano(), 5)
	}
	a.parsed(time.Now().Add(-time.Second).UnixNano(), 5)
	a.parsed(time.Now().Add(time.Hour).UnixNano(), 0) // brought no position of the measured time
	if a.odd != 2 || a.waits.TotalCount() != 5 {
		t.Errorf("%d reads left out and %d waits, want 2 and 5", a.odd, a.waits.TotalCount())
	}
}

// TestWaitsTravel: waits are sent as JSON and added up.
func TestWaitsTravel(t *testing.T) {
	sum, odd := latency.New(), int64(0)
	for i := range int64(2) {
		p := Status{Wait: latency.New(), Odd: i + 3}
		p.Wait.RecordN(1000*(i+1), 10)
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got Status
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		sum.Merge(got.Wait)
		odd += got.Odd
	}
	if sum.TotalCount() != 20 || sum.ValueAtQuantile(25) != 1000 || sum.ValueAtQuantile(75) < 2000 || odd != 7 {
		t.Errorf("%d waits, %d to %d µs, %d odd; want 20, 1000 to 2000, 7", sum.TotalCount(), sum.Min(), sum.Max(), odd)
	}
}
