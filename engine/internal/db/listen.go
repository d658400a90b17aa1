package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"pitwall/engine/internal/pace"
)

const (
	// lookEvery is how long a listening connection may be silent before it is
	// asked for a sign of life: one that died without a word is found so.
	lookEvery = 30 * time.Second

	// lookTimeout is how long the answer may take.
	lookTimeout = 5 * time.Second
)

func (p *postgres) Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error {
	if len(channels) == 0 {
		return errors.New("listen: no channels given")
	}
	var wait pace.Backoff
	faults := pace.Quiet{Every: pace.FaultEvery}
	for {
		err := p.listenOnce(ctx, channels, func() { wait.Reset(); p.hears(channels, nil); ready() }, fn)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.hears(channels, err)
		if n, ok := faults.Tell(time.Now()); ok {
			p.log.Warn("connection for notifications lost, connecting again", "setting", "DATABASE_DIRECT_URL",
				"channels", channels, "times", n, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait.Delay()):
		}
	}
}

// hears passes on whether notifications on the channels arrive.
func (p *postgres) hears(channels []string, err error) {
	if p.listening != nil {
		p.listening(channels, err)
	}
}

// listenOnce listens until the connection fails or ctx ends.
func (p *postgres) listenOnce(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error {
	return p.withDirect(ctx, func(conn *pgx.Conn) error {
		for _, channel := range channels {
			if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
				return fmt.Errorf("listen on %s: %w", channel, err)
			}
		}
		ready()
		for {
			n, err := p.nextNotification(ctx, conn)
			if err != nil {
				return err
			}
			if n != nil {
				fn(n.channel, n.payload)
			}
		}
	})
}

type notification struct{ channel, payload string }

// nextNotification returns nil when the connection was silent for a while and
// is alive.
func (p *postgres) nextNotification(ctx context.Context, conn *pgx.Conn) (*notification, error) {
	wait, cancel := context.WithTimeout(ctx, p.lookEvery)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		return &notification{n.Channel, n.Payload}, nil
	}
	if ctx.Err() != nil || wait.Err() == nil || conn.IsClosed() {
		return nil, fmt.Errorf("wait for a notification: %w", err)
	}
	look, cancel := context.WithTimeout(ctx, p.lookTimeout)
	defer cancel()
	if err := conn.Ping(look); err != nil {
		return nil, fmt.Errorf("ping: %w", err)
	}
	return nil, nil
}

// hub passes notifications within the process.
type hub struct {
	mu        sync.Mutex
	listeners map[*listener]bool
}

// listener is one call of Listen. A channel's notification that is not yet
// taken stands for those that follow: the payload is always empty.
type listener struct {
	channels []string
	pending  map[string]bool // guarded by hub.mu
	wake     chan struct{}   // holds one
}

func (h *hub) add(channels []string) *listener {
	l := &listener{channels: channels, pending: map[string]bool{}, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners == nil {
		h.listeners = map[*listener]bool{}
	}
	h.listeners[l] = true
	return l
}

func (h *hub) remove(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

// notify tells every listener of channel, and never waits.
func (h *hub) notify(channel string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if !slices.Contains(l.channels, channel) {
			continue
		}
		l.pending[channel] = true
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// take returns the channels with something pending.
func (h *hub) take(l *listener) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, channel := range l.channels {
		if l.pending[channel] {
			out = append(out, channel)
		}
	}
	clear(l.pending)
	return out
}

func (s *sqlite) Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error {
	if len(channels) == 0 {
		return errors.New("listen: no channels given")
	}
	l := s.hub.add(channels)
	defer s.hub.remove(l)
	ready()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.wake:
			for _, channel := range s.hub.take(l) {
				fn(channel, "")
			}
		}
	}
}
