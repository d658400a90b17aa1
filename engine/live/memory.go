package live

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// memoryEvery is how often the memory that is held is measured.
const memoryEvery = 500 * time.Millisecond

// enforceMemory keeps the memory held for all connections within its limit. While it is
// above the limit, no new connections are let in, and the connections that hold most are
// closed until three quarters of the limit are left. Memory that connections share
// counts once; what each has alone (see account) counts in full.
func (srv *Server) enforceMemory(ctx context.Context) {
	again := false
	every(ctx, memoryEvery, func() {
		if limit := srv.limits().QueuedBytes; limit > 0 {
			again = srv.enforceOnce(limit, again)
		}
	})
}

// held is the memory that connections hold, in bytes; shared is the part of it that they
// may share. Snapshots that the core keeps for later subscribers are not counted: they
// would be kept without the connections as well.
func (srv *Server) held() (total, shared int64) {
	shared = srv.core.Stats().OutstandingBytes
	total = shared
	srv.sessions.Range(func(_ uint64, s *session) bool {
		total += s.private()
		return true
	})
	return total, shared
}

// holding is what a connection holds, in bytes.
type holding struct {
	s               *session
	private, unsent int64 // what it has alone; what it has of the shared memory
}

// enforceOnce measures the memory, and closes connections if too much is held. The first
// time it assumes that a closed connection frees all that it holds. But shared memory is
// freed only by the last connection that holds it. If that was not enough, the next call
// (again) assumes that each connection frees only its part of what is shared. The result
// is again for the next call.
func (srv *Server) enforceOnce(limit int64, again bool) bool {
	total, shared := srv.held()
	srv.queued.Store(total)
	if total <= limit {
		return false
	}
	var open []holding
	var closing, unsent, openPrivate, openUnsent int64
	srv.sessions.Range(func(_ uint64, s *session) bool {
		_, n := s.conn.Queued()
		h := holding{s, s.private(), int64(n)}
		unsent += h.unsent
		if s.closing() {
			closing += h.private + h.unsent
		} else {
			open = append(open, h)
			openPrivate += h.private
			openUnsent += h.unsent
		}
		return true
	})
	// A connection may be gone a moment before its memory is. Memory that no open
	// connection holds is no reason to close others.
	remains := min(total-closing, openPrivate+min(openUnsent, shared))
	if remains <= limit {
		return again // those that are closing may be enough
	}
	part := 1.0
	if again && unsent > shared {
		part = float64(shared) / float64(unsent)
	}
	srv.closeLargest(open, remains-limit*3/4, part)
	return true
}

// closeLargest closes the connections that hold most, until they hold excess bytes
// together. Of their unsent bytes only that part counts, from 0 to 1. A session that was
// closed in the meantime is not counted as shed.
func (srv *Server) closeLargest(open []holding, excess int64, part float64) {
	slices.SortFunc(open, func(a, b holding) int { return cmp.Compare(b.private+b.unsent, a.private+a.unsent) })
	for _, h := range open {
		if excess <= 0 {
			return
		}
		excess -= h.private + int64(part*float64(h.unsent))
		if h.s.close(1008, "too much is unsent") {
			srv.m.shed.Inc()
		}
	}
}
