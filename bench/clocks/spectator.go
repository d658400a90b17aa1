package clocks

import (
	"context"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"pitwall/bench/internal/pause"
	"pitwall/bench/internal/subscriber"
)

// form is a way to watch.
type form struct {
	name     string
	query    string
	interval time.Duration
	deflate  bool
	stays    time.Duration // after which it reconnects; 0: it stays
}

// forms are all forms. Spectators take turns.
func forms() []form {
	return []form{
		{name: "plain"},
		{name: "batch", query: "?batch=1"},
		{name: "interval", interval: 250 * time.Millisecond},
		{name: "compressed", query: "?batch=1", deflate: true},
		{name: "returning", stays: 3 * time.Second},
		{name: "batch-interval", query: "?batch=1", interval: time.Second, deflate: true},
	}
}

// event is the event that all spectators watch.
const event = "race"

// watch connects and reads until ctx ends. It reconnects whenever the connection
// ends, because engines are restarted.
func (s *screen) watch(ctx context.Context) {
	for ctx.Err() == nil {
		begun := time.Now()
		if err := s.once(ctx); err != nil && ctx.Err() == nil {
			s.fail(err)
			return
		}
		_ = pause.For(ctx, 50*time.Millisecond-time.Since(begun)) // no busy loop while the server is down
	}
}

// once makes one connection. It returns an error only if the server answers with
// one: a connection may fail or end.
func (s *screen) once(ctx context.Context) error {
	if s.form.stays > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.form.stays)
		defer cancel()
	}
	o := &websocket.DialOptions{}
	if s.form.deflate {
		o.CompressionMode = websocket.CompressionNoContextTakeover
	}
	ws, err := subscriber.Subscribe(ctx, "ws://"+s.race.current().addr+"/live"+s.form.query, event, s.form.interval, o)
	if err != nil {
		return nil
	}
	defer ws.CloseNow()
	s.begin()
	defer s.end()
	for {
		_, text, err := ws.Read(ctx)
		if err != nil {
			return nil
		}
		if err := s.take(text); err != nil {
			return fmt.Errorf("spectator %s: %w", s.form.name, err)
		}
	}
}
