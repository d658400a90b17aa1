package live

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// reviewSlots is over how many moments of an interval sessions are asked
// about.
const reviewSlots = 50

// reviews asks about every session once per interval until ctx ends, and has
// the clock end what nobody has answered for.
func (srv *Server) reviews(ctx context.Context) {
	if srv.opts.Reauth.Keeper == nil {
		return
	}
	every := max(srv.opts.Reauth.Every/reviewSlots, time.Millisecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	begun, late := time.Now(), 0
	for slot := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		// Slots that ticks were too late for are made up for, a round at most.
		due := int(time.Since(begun) / every)
		for slot = max(slot, due-reviewSlots); slot < due; slot++ {
			late += srv.reviewSlot(uint64(slot % reviewSlots))
			if slot%reviewSlots == reviewSlots-1 {
				srv.rounds.over(late)
				late = 0
			}
		}
		srv.sweepGrace()
	}
}

// reviewSlot asks about the sessions of one slot, and counts those that were
// asked about an interval ago and not answered.
func (srv *Server) reviewSlot(slot uint64) (late int) {
	srv.sessions.Range(func(id uint64, s *session) bool {
		if id%reviewSlots == slot {
			if s.unanswered.Swap(true) {
				late++
			}
			s.reviewSoon()
		}
		return true
	})
	return late
}

// sweepGrace has the sessions looked at in which the clock ends something.
func (srv *Server) sweepGrace() {
	now := int64(time.Since(srv.born))
	srv.sessions.Range(func(_ uint64, s *session) bool {
		if at := s.lapses.Load(); at != 0 && now > at {
			s.lapsed.Store(true)
			s.schedule()
		}
		return true
	})
}

// rounds tells of rounds of questions that take longer than their interval. It
// belongs to the goroutine of reviews.
type rounds struct {
	log   *slog.Logger
	late  *metrics.Counter
	fault fault
	told  bool
}

// over ends a round, in which so many sessions were not answered in time.
func (r *rounds) over(late int) {
	switch {
	case late > 0:
		r.late.Inc()
		r.told = true
		r.fault.report("asking about all sessions takes longer than AUTH_RECHECK_MS: access is withdrawn late", lateError(late))
	case r.told:
		r.told = false
		r.log.Info("sessions are asked about within AUTH_RECHECK_MS again")
	}
}

// lateError says how many sessions were not answered in time.
type lateError int

func (n lateError) Error() string {
	return strconv.Itoa(int(n)) + " sessions without an answer in time"
}

// Recheck asks about every session again, now, and about what is being asked
// for clients. Any goroutine may call it, when access has changed; it does not
// wait for answers.
func (srv *Server) Recheck() {
	srv.generation.Add(1)
	if srv.opts.Reauth.Keeper == nil {
		return
	}
	srv.sessions.Range(func(_ uint64, s *session) bool {
		s.reviewSoon()
		return true
	})
}

func (s *session) reviewSoon() {
	s.review.Store(true)
	s.schedule()
}
