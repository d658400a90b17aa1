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
	for rounds := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		rounds = srv.relieve(limit, rounds)
	}
}

// load is a connection and what its end may give back, in bytes: what it has for
// itself, and all that it shares, which is the most that can be.
type load struct {
	s *session
	n int64
}

// relieve looks once, and closes connections when too much is held. What they
// share comes back only with the last that has it, so that one round may not do:
// each round in a row aims at twice as much as the one before. It returns how many
// there were in a row.
func (srv *Server) relieve(limit int64, rounds int) int {
	total, leaving := srv.core.HeldBytes(), int64(0)
	var open []load
	srv.sessions.Range(func(_ uint64, s *session) bool {
		_, queued := s.conn.Queued()
		private := s.private()
		total += private
		if l := (load{s, private + int64(queued)}); s.closing() {
			leaving += l.n // it was closed, and is still there
		} else if l.n > 0 {
			open = append(open, l)
		}
		return true
	})
	srv.queued.Store(total)
	if total <= limit {
		return 0
	}
	if total-leaving <= limit {
		return rounds // perhaps they are enough
	}
	srv.shed(open, (total-leaving-limit*3/4)<<rounds)
	return min(rounds+1, maxRounds)
}

// maxRounds bounds the doubling: by then everybody is closed.
const maxRounds = 16

// shed closes the connections with the largest loads, until excess bytes are
// gone. Each counts once: those that are ending already are not in the list.
func (srv *Server) shed(open []load, excess int64) {
	slices.SortFunc(open, func(a, b load) int { return cmp.Compare(b.n, a.n) })
	for _, l := range open {
		if excess <= 0 {
			return
		}
		excess -= l.n
		if l.s.close(1008, "too much is unsent") {
			srv.m.shed.Inc()
		}
	}
}
