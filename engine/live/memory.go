package live

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// memoryEvery is the pause between two looks at what is held.
const memoryEvery = 500 * time.Millisecond

// enforceMemory keeps the memory that is held for all connections within its
// limit. While there is more, no new connections are let in, and those that hold
// most are closed until three quarters are left. What connections share counts
// once; what one has for itself (see account) counts in full.
func (srv *Server) enforceMemory(ctx context.Context) {
	limit := srv.opts.Limits.QueuedBytes
	if limit <= 0 {
		return
	}
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for again := false; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		again = srv.enforceOnce(limit, again)
	}
}

// held is the memory that connections hold, in bytes, and what of it they may
// share. Snapshots that the core keeps for later subscribers are not counted: they
// would be there without the connections.
func (srv *Server) held() (total, shared int64) {
	shared = srv.core.Stats().Held
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
	private, unsent int64 // what it has for itself; what it has of all that is shared
}

// enforceOnce looks once, and closes connections when too much is held. The first
// time it counts what each can give back at most. What connections share is freed
// only by the last one that has it, though. So when those closed have gone and it
// was not enough (again), it counts each one's part of what is shared. It returns
// whether that may be needed.
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
	// A connection may be gone a moment before its memory is. What nobody has any
	// more is no reason to close others.
	remains := min(total-closing, openPrivate+min(openUnsent, shared))
	if remains <= limit {
		return again // perhaps those that are closing are enough
	}
	part := 1.0
	if again && unsent > shared {
		part = float64(shared) / float64(unsent)
	}
	srv.closeLargest(open, remains-limit*3/4, part)
	return true
}

// closeLargest closes the connections that hold most, until excess bytes are gone;
// of what is unsent that part counts. Each close is counted once, even if the
// session was closed meanwhile.
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
