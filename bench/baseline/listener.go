package baseline

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/lxzan/gws"

	"pitwall/codec"
)

// client is the connection of a spectator.
type client = gws.Conn

// handler accepts clients with gws, and hands them to the server when they
// subscribe.
type handler struct {
	gws.BuiltinEventHandler
	server server
}

// OnMessage reads a subscribe.
func (h handler) OnMessage(c *client, m *gws.Message) {
	defer m.Close()
	var r codec.Request
	if codec.ParseRequest(&r, m.Bytes()) != nil || len(r.Topic) < len("event:") {
		return
	}
	event := strings.Clone(r.Topic[len("event:"):]) // the bytes of the message will be reused
	if h.server.join(event, c) != nil {
		_ = c.NetConn().Close()
	}
}

// listen accepts clients, and answers /metrics at the same address, until end is
// called.
func listen(s server, n *counters) (addr string, end func(), err error) {
	up := gws.NewUpgrader(handler{server: s}, &gws.ServerOption{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { n.registry.WritePrometheus(w) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r); err == nil {
			go c.ReadLoop()
		}
	})
	web := &http.Server{ReadHeaderTimeout: time.Minute, Handler: mux}
	go func() { _ = web.Serve(listener) }()
	return listener.Addr().String(), func() { _ = web.Close() }, nil
}

// counters are the metrics of a server, with Pitwall's names where Pitwall has the
// same.
type counters struct {
	registry                         *metrics.Set
	deliveries, writes, bytes, turns *metrics.Counter
}

func newCounters() *counters {
	s := metrics.NewSet()
	return &counters{s, s.NewCounter("processor_live_deliveries_total"), s.NewCounter("processor_live_writes_total"),
		s.NewCounter("processor_live_written_bytes_total"), s.NewCounter("bench_turns_total")}
}

// set publishes the totals.
func (n *counters) set(t tally) {
	n.deliveries.Set(t.deliveries)
	n.writes.Set(t.writes)
	n.bytes.Set(t.bytes)
	n.turns.Set(t.turns)
}
