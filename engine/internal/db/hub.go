package db

import (
	"context"
	"errors"
	"slices"
	"sync"

	"pitwall/engine/internal/pace"
)

// hub forwards notifications within the process.
type hub struct {
	mu        sync.Mutex
	listeners map[*listener]bool
}

// listener is one call of Listen. Notifications of a channel are merged until they are
// taken, because their payload is always empty.
type listener struct {
	channels []string
	pending  map[string]bool // guarded by hub.mu
	wake     pace.Signal     // set while something is pending
}

func (h *hub) add(channels []string) *listener {
	l := &listener{channels: channels, pending: map[string]bool{}, wake: pace.NewSignal()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners[l] = true
	return l
}

func (h *hub) remove(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
}

// notify notifies every listener of channel. It never blocks.
func (h *hub) notify(channel string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if !slices.Contains(l.channels, channel) {
			continue
		}
		l.pending[channel] = true
		l.wake.Set()
	}
}

// take returns the channels with a pending notification, and clears them.
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
