package embedded

import (
	"sync"

	"github.com/alicebob/miniredis/v2/server"
)

// streamSizes computes how many of the newest entries of a stream fit into its
// bound in bytes; miniredis bounds streams by number alone. It counts what is
// added. Entries that were deleted, or refused because of their id, count until
// newer ones have displaced them.
type streamSizes struct {
	maxLen, maxBytes int

	mu        sync.Mutex
	streams   map[string]*entrySizes
	rewriting map[*server.Peer]bool // clients whose rewritten XADD is running
}

// entrySizes are the sizes of a stream's newest entries, oldest first.
type entrySizes struct {
	sizes []int
	total int
}

func newStreamSizes(maxLen, maxBytes int) streamSizes {
	return streamSizes{maxLen: maxLen, maxBytes: maxBytes, streams: map[string]*entrySizes{}, rewriting: map[*server.Peer]bool{}}
}

// begin adds an entry and returns how many entries the stream may hold with it, at
// least 1. Until end, isRewritten is true for the client.
func (s *streamSizes) begin(c *server.Peer, stream string, size int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rewriting[c] = true
	w := s.streams[stream]
	if w == nil {
		w = &entrySizes{}
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

// end ends what begin began.
func (s *streamSizes) end(c *server.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rewriting, c)
}

// isRewritten reports whether the client's command is an XADD that was rewritten.
func (s *streamSizes) isRewritten(c *server.Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rewriting[c]
}
