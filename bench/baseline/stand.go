package baseline

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"pitwall/bench/internal/streamreader"
	"pitwall/codec"
)

// Kinds are the servers that can stand in for Pitwall in a scenario.
var Kinds = []string{"bare", "broadcaster"}

// Stand is one of them: a process that reads the stream and serves spectators,
// until it is told to end.
type Stand struct {
	Kind string `enum:"bare,broadcaster" required:""`
	streamreader.Options
	Window time.Duration `default:"100ms"`
	Lowat  int           `default:"16384"`
}

// Run serves.
func (s *Stand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := streamreader.New(s.Options)
	if err != nil {
		return err
	}
	defer r.Close()
	var events []string
	for i := range s.Events {
		events = append(events, s.EventName(i))
	}
	b, h := newBare(events, s.Lowat, 1), newHub()
	join := h.join
	if s.Kind == "bare" {
		join = b.join
	}
	addr, end, err := open(join)
	if err != nil {
		return err
	}
	defer end()
	if err := streamreader.Ready(addr); err != nil {
		return err
	}
	if s.Kind == "bare" {
		return b.follow(ctx, r, s.Window)
	}
	return r.Run(ctx, func(event int, p *codec.Position) error {
		h.broadcast(events[event], p)
		return nil
	})
}

// follow reads once per window what has come, and sends it. Nothing is cheaper.
func (b *bare) follow(ctx context.Context, r *streamreader.Reader, window time.Duration) error {
	tick := time.NewTicker(max(window, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		err := r.Read(ctx, 0, func(event int, p *codec.Position) error {
			b.add(event, p)
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		b.flush()
	}
}
