package embedded

import (
	"sync"

	"github.com/alicebob/miniredis/v2/server"
)

// streamSizes computes how many of the newest entries of a stream fit into its bound
// in bytes; miniredis bounds streams by number only. It counts what is added. Entries
// that were deleted, or refused because of their id, count until enough newer ones have
// been added.
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
	e := s.streams[stream]
	if e == nil {
		e = &entrySizes{}
		s.streams[stream] = e
	}
	e.sizes = append(e.sizes, size)
	e.total += size
	for len(e.sizes) > s.maxLen || e.total > s.maxBytes && len(e.sizes) > 1 {
		e.total -= e.sizes[0]
		e.sizes = e.sizes[1:]
	}
	return len(e.sizes)
}

// end is called when the XADD of begin has run.
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
