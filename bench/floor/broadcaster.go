package floor

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lxzan/gws"

	"pitwall/codec"
)

// hub is a server as most people would write it first with gws: the
// connections of an event in a map, a Broadcaster per record.
type hub struct {
	gws.BuiltinEventHandler
	mu     sync.Mutex
	events map[string]map[*gws.Conn]struct{}
	writes atomic.Int64
	bytes  atomic.Int64
}

// OnMessage takes a subscribe.
func (h *hub) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	var r codec.Request
	if codec.ParseRequest(&r, m.Bytes()) != nil || len(r.Topic) < len("event:") {
		return
	}
	event := string(append([]byte(nil), r.Topic[len("event:"):]...))
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.events[event] == nil {
		h.events[event] = make(map[*gws.Conn]struct{})
	}
	h.events[event][c] = struct{}{}
	_ = c.WriteString("{}")
}

func serveBroadcaster(l *load) error {
	h := &hub{events: make(map[string]map[*gws.Conn]struct{})}
	up := gws.NewUpgrader(h, &gws.ServerOption{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r); err == nil {
			go c.ReadLoop()
		}
	})}
	go func() { _ = web.Serve(listener) }()
	defer web.Close()
	if err := listening(listener.Addr().String()); err != nil {
		return err
	}
	return measure(func() (d, w, b float64) {
		h.publish(l)
		n := float64(h.writes.Load())
		return n, n, float64(h.bytes.Load())
	})
}

func (h *hub) publish(l *load) {
	dec := codec.NewDecoder(codec.DefaultLimits())
	var p codec.Position
	l.publish(time.Now().Add(time.Duration(l.Seconds)*time.Second), func(device int, fields []string, now time.Time) {
		if err := dec.Decode(&p, now.UnixMilli(), fields); err != nil {
			panic(err) // our own record
		}
		event := l.eventOf(device)
		text := append([]byte(`{"type":"position","topic":"event:`+event+`",`), codec.AppendBody(nil, &p, p.TS)[1:]...)
		b := gws.NewBroadcaster(gws.OpcodeText, text)
		h.mu.Lock()
		for c := range h.events[event] {
			if b.Broadcast(c) == nil {
				h.writes.Add(1)
				h.bytes.Add(int64(len(text)))
			}
		}
		h.mu.Unlock()
		_ = b.Close()
	})
}
