package live

import (
	"context"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// recheckSlots is how many ticks the checks of one interval are spread over.
const recheckSlots = 50

// recheckLoop has every session checked once per interval until ctx ends, and ends what
// is beyond its grace.
func (srv *Server) recheckLoop(ctx context.Context) {
	if srv.opts.Reauth.Keeper == nil {
		return
	}
	interval := max(srv.opts.Reauth.Every/recheckSlots, time.Millisecond)
	begun, slot, late := time.Now(), 0, 0
	every(ctx, interval, func() {
		// A ticker drops ticks that a slow receiver misses. Their slots are made up for,
		// up to one whole round.
		due := int(time.Since(begun) / interval)
		for slot = max(slot, due-recheckSlots); slot < due; slot++ {
			late += srv.recheckSlot(uint64(slot % recheckSlots))
			if slot%recheckSlots == recheckSlots-1 {
				srv.recheckRounds.end(late)
				late = 0
			}
		}
		srv.findEndedGraces()
	})
}

// recheckSlot has the sessions of one slot checked. late is how many of them have not
// been answered since the last interval.
func (srv *Server) recheckSlot(slot uint64) (late int) {
	srv.sessions.Range(func(id uint64, s *session) bool {
		if id%recheckSlots == slot {
			if s.unanswered.Swap(true) {
				late++
			}
			s.requestCheck()
		}
		return true
	})
	return late
}

// findEndedGraces schedules the sessions in which a grace has ended.
func (srv *Server) findEndedGraces() {
	now := int64(time.Since(srv.born))
	srv.sessions.Range(func(_ uint64, s *session) bool {
		if at := s.graceEnds.Load(); at != 0 && now > at {
			s.graceOver.Store(true)
			s.schedule()
		}
		return true
	})
}

// recheckRounds reports rounds of checks that take longer than their interval. The
// goroutine of recheckLoop owns it.
type recheckRounds struct {
	late   *metrics.Counter
	faults faultLog
	warned bool
}

// end ends a round in which that many sessions were not answered in time.
func (r *recheckRounds) end(late int) {
	switch {
	case late > 0:
		r.late.Inc()
		r.warned = true
		r.faults.warn("asking about all sessions takes longer than AUTH_RECHECK_MS: access is withdrawn late",
			fmt.Errorf("%d sessions without an answer in time", late))
	case r.warned:
		r.warned = false
		r.faults.log.Info("sessions are asked about within AUTH_RECHECK_MS again")
	}
}

// Recheck says that access has changed. It has every session checked at once, and the
// questions that requests wait for asked again. It does not wait for the answers. Any
// goroutine may call it.
func (srv *Server) Recheck() {
	srv.generation.Add(1)
	if srv.opts.Reauth.Keeper == nil {
		return
	}
	srv.sessions.Range(func(_ uint64, s *session) bool {
		s.requestCheck()
		return true
	})
}

// requestCheck has a dispatcher start a check of the session. Any goroutine may call it.
func (s *session) requestCheck() {
	s.checkWanted.Store(true)
	s.schedule()
}
