package baseline

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"pitwall/bench/internal/streamreader"
)

// Kinds are the servers of this package.
var Kinds = []string{"bare", "prompt", "broadcaster"}

// options are the flags of a server's process.
type options struct {
	Kind string `enum:"bare,prompt,broadcaster" required:""`
	streamreader.Options
	Window time.Duration `default:"100ms"`
	Lowat  int           `default:"16384"`
	Loops  int           `default:"1"`
}

// server is one of the kinds. One goroutine calls serve; others call join.
type server interface {
	// join adds a client of an event and answers it.
	join(event string, c *client) error
	// serve sends the positions of the stream until ctx ends.
	serve(ctx context.Context, r *streamreader.Reader, n *counters) error
}

// Serve runs a server until a signal stops it. args are its flags.
func Serve(args []string) error {
	var o options
	p, err := kong.New(&o)
	if err == nil {
		_, err = p.Parse(args)
	}
	if err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := streamreader.New(o.Options)
	if err != nil {
		return err
	}
	defer r.Close()
	s, n := o.server(), newCounters()
	addr, end, err := listen(s, n)
	if err != nil {
		return err
	}
	defer end()
	if err := streamreader.Ready(addr, addr); err != nil {
		return err
	}
	if err := s.serve(ctx, r, n); ctx.Err() == nil {
		return err
	}
	return nil
}

// server returns the server of the kind.
func (o *options) server() server {
	var events []string
	for i := range o.Events {
		events = append(events, o.EventName(i))
	}
	switch o.Kind {
	case "bare":
		return &windowed{newBare(events, o.Lowat, o.Loops), o.Window}
	case "prompt":
		return newPrompt(newBare(events, o.Lowat, o.Loops), o.Window)
	}
	return newBroadcaster(events)
}

// windowed runs the bare loop once per window.
type windowed struct {
	*bare
	window time.Duration
}

// serve reads the new positions once per window and writes them. Nothing is cheaper.
func (w *windowed) serve(ctx context.Context, r *streamreader.Reader, n *counters) error {
	tick := time.NewTicker(max(w.window, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if err := r.Read(ctx, 0, w.take); err != nil {
			return err
		}
		w.flush(func(int) bool { return true })
		n.set(w.sum)
	}
}
