package baseline

import (
	"sync"
	"sync/atomic"

	"github.com/lxzan/gws"

	"pitwall/codec"
)

// hub is a server as most people would write it first with gws: the
// connections of an event in a map, a Broadcaster per record.
type hub struct {
	mu     sync.Mutex
	events map[string]map[*gws.Conn]struct{}
	writes atomic.Int64
	bytes  atomic.Int64
}

func newHub() *hub { return &hub{events: make(map[string]map[*gws.Conn]struct{})} }

func (h *hub) join(event string, c *gws.Conn) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.events[event] == nil {
		h.events[event] = make(map[*gws.Conn]struct{})
	}
	h.events[event][c] = struct{}{}
	return c.WriteString("{}")
}

// broadcast sends a position to everybody who watches an event.
func (h *hub) broadcast(event string, p *codec.Position) {
	text := append([]byte(`{"type":"position","topic":"event:`+event+`",`), codec.AppendBody(nil, p, p.TS)[1:]...)
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
}

// serveBroadcaster sends what the process itself makes.
func serveBroadcaster(l *load) error {
	h := newHub()
	return serve(h.join, func() tally {
		l.publish(l.decoded(func(event int, p *codec.Position) {
			h.broadcast(l.event(event), p)
		}))
		n := float64(h.writes.Load())
		return tally{deliveries: n, writes: n, bytes: float64(h.bytes.Load())}
	})
}
