package baseline

import (
	"context"
	"sync"

	"github.com/lxzan/gws"

	"pitwall/bench/internal/streamreader"
	"pitwall/codec"
)

// broadcaster is a server as most people would write it first with gws: a map of
// connections per event, and a Broadcaster per record.
type broadcaster struct {
	names []string // ids of the events

	mu      sync.Mutex // guards clients
	clients map[string]map[*client]struct{}
	sum     tally
}

func newBroadcaster(events []string) *broadcaster {
	return &broadcaster{names: events, clients: make(map[string]map[*client]struct{})}
}

// join adds a client.
func (b *broadcaster) join(event string, c *client) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.clients[event] == nil {
		b.clients[event] = make(map[*client]struct{})
	}
	b.clients[event][c] = struct{}{}
	return c.WriteString("{}")
}

// serve sends each position as it arrives.
func (b *broadcaster) serve(ctx context.Context, r *streamreader.Reader, n *counters) error {
	return r.Run(ctx, func(event int, p *codec.Position) error {
		b.broadcast(b.names[event], p)
		n.set(b.sum)
		return nil
	})
}

// broadcast sends a position to all clients of an event.
func (b *broadcaster) broadcast(event string, p *codec.Position) {
	text := append([]byte(`{"type":"position","topic":"event:`+event+`",`), codec.AppendBody(nil, p, p.TS)[1:]...)
	frame := gws.NewBroadcaster(gws.OpcodeText, text)
	b.mu.Lock()
	for c := range b.clients[event] {
		if frame.Broadcast(c) == nil {
			b.sum.add(tally{deliveries: 1, writes: 1, bytes: uint64(len(text)), turns: 1})
		}
	}
	b.mu.Unlock()
	_ = frame.Close()
}
