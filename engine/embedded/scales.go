package embedded

import (
	"sync"

	"github.com/alicebob/miniredis/v2/server"
)

// scales know how many of the newest entries of a stream fit into its bound in
// bytes. miniredis bounds streams by number alone. What they count is what is
// added; entries that were deleted, or were refused for their id, make room
// for others only once newer ones have come in their place.
type scales struct {
	maxLen, maxBytes int

	mu      sync.Mutex
	streams map[string]*weights
	inside  map[*server.Peer]bool // clients whose XADD is being carried out, rewritten
}

// weights are the sizes of a stream's newest entries, oldest first.
type weights struct {
	sizes []int
	total int
}

func newScales(maxLen, maxBytes int) scales {
	return scales{maxLen: maxLen, maxBytes: maxBytes, streams: map[string]*weights{}, inside: map[*server.Peer]bool{}}
}

// begin puts an entry on the scales and returns how many entries the stream may
// hold with it, at least that one. Until end, ours is true for the client.
func (s *scales) begin(c *server.Peer, stream string, size int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside[c] = true
	w := s.streams[stream]
	if w == nil {
		w = &weights{}
		s.streams[stream] = w
	}
	w.sizes = append(w.sizes, size)
	w.total += size
	for len(w.sizes) > s.maxLen || w.total > s.maxBytes && len(w.sizes) > 1 {
		w.total -= w.sizes[0]
		w.sizes = w.sizes[1:]
	}
	return len(w.sizes)
}

// end ends what begin has begun.
func (s *scales) end(c *server.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inside, c)
}

// ours reports whether the client's command is one that we have rewritten.
func (s *scales) ours(c *server.Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inside[c]
}
