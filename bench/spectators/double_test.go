package spectators

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pitwall/bench/internal/latency"
	"pitwall/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	doubleDevices = 10
	doubleRecords = 40 // of each device
	doubleClients = 5
	patience      = 20 * time.Second
)

// double is a test double of the live server: it sends a welcome, answers a subscribe
// with an empty snapshot, and then sends what the test says.
type double struct {
	t        *testing.T
	web      *http.Server
	addr     string
	mu       sync.Mutex
	conns    []net.Conn
	received map[net.Conn]int // bytes since the subscribe
	topic    *codec.Topic
	readers  sync.WaitGroup
}

func newDouble(t *testing.T) *double {
	t.Helper()
	d := &double{t: t, topic: codec.NewTopic("event:e"), received: map[net.Conn]int{}}
	d.listen(d)
	return d
}

// listen answers on a free port until the test ends.
func (d *double) listen(h http.Handler) {
	t := d.t
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Addr().String()
	d.web = &http.Server{Handler: h, ReadHeaderTimeout: patience}
	d.readers.Go(func() { _ = d.web.Serve(l) })
	t.Cleanup(func() {
		_ = d.web.Close()
		d.mu.Lock()
		for _, c := range d.conns {
			_ = c.Close()
		}
		d.mu.Unlock()
		d.readers.Wait()
	})
}

func (d *double) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	d.readers.Go(func() { d.serve(c, rw.Reader) })
}

// serve answers the first bytes as a subscribe.
func (d *double) serve(c net.Conn, r *bufio.Reader) {
	defer c.Close()
	b := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	if _, err := c.Write(codec.AppendWelcome(b, "double", 25000, time.Now().UnixMilli())); err != nil {
		return
	}
	if _, err := r.ReadByte(); err != nil {
		return
	}
	b = codec.AppendSubscribed(nil, "1", "event:e", doubleDevices, 1, 0, "")
	b = append(d.topic.AppendSnapshotHead(b, len(`"positions":[]}`), 1, 1, "subscribe", 0), `"positions":[]}`...)
	if _, err := c.Write(b); err != nil {
		return
	}
	d.mu.Lock()
	d.conns = append(d.conns, c)
	d.mu.Unlock()
	r.Discard(r.Buffered()) // the rest of the subscribe
	for {
		if _, err := r.ReadByte(); err != nil {
			return
		}
		d.mu.Lock()
		d.received[c]++
		d.mu.Unlock()
	}
}

// record is a position to send.
type record struct {
	device, n int
	at        time.Time
}

// send writes the records to all clients, one write each.
func (d *double) send(records []record) {
	dec := codec.NewDecoder(codec.DefaultLimits())
	for _, r := range records {
		var p codec.Position
		attributes := `{"battery":87,"n":` + itoa(int64(r.n)) + `,"at":` + itoa(r.at.UnixMicro()) + `}`
		if err := dec.Decode(&p, r.at.UnixMilli(), 0, []string{"device_id", "d" + itoa(int64(r.device)), "lat", "1", "lon", "2", "attributes", attributes}); err != nil {
			d.t.Fatal(err)
		}
		frame := d.topic.AppendPositionFrame(nil, codec.AppendBody(nil, &p, p.TS))
		d.mu.Lock()
		for _, c := range d.conns {
			_, _ = c.Write(frame) // lost connections are noticed elsewhere
		}
		d.mu.Unlock()
	}
}

// runningGroup is a group with a goroutine of its own.
type runningGroup struct {
	t        *testing.T
	orders   chan Order
	statuses chan Status
	last     Status
	latency  latency.Histogram
	done     chan error
}

func startGroup(t *testing.T, cfg Config) *runningGroup {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &runningGroup{t: t, orders: make(chan Order, 8), statuses: make(chan Status, 1), done: make(chan error, 1), latency: latency.New()}
	go func() {
		r.done <- s.Run(r.orders, func(p Status) error { r.statuses <- p; return nil })
	}()
	t.Cleanup(func() {
		close(r.orders)
		for {
			select {
			case <-r.statuses:
			case err := <-r.done:
				if err != nil {
					t.Error(err)
				}
				return
			}
		}
	})
	return r
}

// until takes statuses until cond holds.
func (r *runningGroup) until(what string, cond func(Status) bool) Status {
	r.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case r.last = <-r.statuses:
			r.latency.Merge(r.last.Latency)
			if cond(r.last) {
				return r.last
			}
		case <-limit.C:
			r.t.Fatalf("waited %v for %s; the last status was %+v", patience, what, r.last)
		}
	}
}

func testConfig(addr string) Config {
	return Config{Addr: addr, Path: "/live", Dialect: dialectPitwall, Prefix: "d",
		Events: []Event{{"e", 0, doubleDevices}}, Watch: make([]int32, doubleClients)}
}
