package live

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// weighEvery is the pause between two looks at what is held.
const weighEvery = 500 * time.Millisecond

// weigh keeps the memory that is held for all connections within its bound: over
// it no new connections are let in, and those that hold most are closed until
// three quarters are left. What connections share counts once; what one has for
// itself (see account) counts in full.
func (srv *Server) weigh(ctx context.Context) {
	limit := srv.opts.Limits.QueuedBytes
	if limit <= 0 {
		return
	}
	tick := time.NewTicker(weighEvery)
	defer tick.Stop()
	for again := false; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		again = srv.relieve(limit, again)
	}
}

// held is the memory that connections hold, in bytes, and what of it they may
// share. Snapshots that the core keeps for those to come are not theirs: they
// would be there without them.
func (srv *Server) held() (total, shared int64) {
	shared = srv.core.Stats().Held
	total = shared
	srv.sessions.Range(func(_ uint64, s *session) bool {
		total += s.private()
		return true
	})
	return total, shared
}

// load is what a connection holds, in bytes.
type load struct {
	s               *session
	private, unsent int64 // what it has for itself; what it has of all that is shared
}

// relieve looks once, and closes connections when too much is held. The first
// time it goes by the most that each can give back. What they share comes back
// only with the last that has it, though. So when those closed have gone and it
// was not enough, it goes by each one's part of what is shared. It returns whether
// it may have to come to that.
func (srv *Server) relieve(limit int64, again bool) bool {
	total, shared := srv.held()
	srv.queued.Store(total)
	if total <= limit {
		return false
	}
	var open []load
	var leaving, unsent, own, ownUnsent int64 // own: of those that are open
	srv.sessions.Range(func(_ uint64, s *session) bool {
		_, n := s.conn.Queued()
		l := load{s, s.private(), int64(n)}
		unsent += l.unsent
		if s.closing() {
			leaving += l.private + l.unsent // it was closed, and is still there
		} else {
			open = append(open, l)
			own += l.private
			ownUnsent += l.unsent
		}
		return true
	})
	// A connection may be gone a moment before its memory is. What nobody has any
	// more is no reason to close those who are there.
	left := min(total-leaving, own+min(ownUnsent, shared))
	if left <= limit {
		return again // perhaps those that leave are enough
	}
	part := 1.0
	if again && unsent > shared {
		part = float64(shared) / float64(unsent)
	}
	srv.shed(open, left-limit*3/4, part)
	return true
}

// shed closes the connections that hold most, until excess bytes are gone; of
// what is unsent that part counts. Each is counted once, however often it is in a
// list while it ends.
func (srv *Server) shed(open []load, excess int64, part float64) {
	slices.SortFunc(open, func(a, b load) int { return cmp.Compare(b.private+b.unsent, a.private+a.unsent) })
	for _, l := range open {
		if excess <= 0 {
			return
		}
		excess -= l.private + int64(part*float64(l.unsent))
		if l.s.close(1008, "too much is unsent") {
			srv.m.shed.Inc()
		}
	}
}
