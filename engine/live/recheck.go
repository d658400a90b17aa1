package live

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// recheckSlots is over how many ticks of an interval the checks of sessions are
// spread.
const recheckSlots = 50

// recheckLoop has every session checked once per interval until ctx ends, and
// ends what is in doubt beyond its grace.
func (srv *Server) recheckLoop(ctx context.Context) {
	if srv.opts.Reauth.Keeper == nil {
		return
	}
	every := max(srv.opts.Reauth.Every/recheckSlots, time.Millisecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	begun, late := time.Now(), 0
	for slot := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		// A ticker drops ticks that come too fast. Their slots are made up for, a
		// round at most.
		due := int(time.Since(begun) / every)
		for slot = max(slot, due-recheckSlots); slot < due; slot++ {
			late += srv.recheckSlot(uint64(slot % recheckSlots))
			if slot%recheckSlots == recheckSlots-1 {
				srv.recheckRounds.end(late)
				late = 0
			}
		}
		srv.findEndedGraces()
	}
}

// recheckSlot has the sessions of one slot checked, and counts those whose check of
// the interval before has not come to its end.
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

// recheckRounds tells of rounds of checks that take longer than their interval.
// The goroutine of recheckLoop owns it.
type recheckRounds struct {
	log    *slog.Logger
	late   *metrics.Counter
	faults faultLog
	told   bool
}

// end ends a round, in which so many sessions were not answered in time.
func (r *recheckRounds) end(late int) {
	switch {
	case late > 0:
		r.late.Inc()
		r.told = true
		r.faults.warn("asking about all sessions takes longer than AUTH_RECHECK_MS: access is withdrawn late", lateError(late))
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

// Recheck has every session checked again at once, and asks again what requests
// wait for. Any goroutine may call it, when access has changed. It does not wait
// for answers.
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

// requestCheck has a dispatcher start a check of the session. Any goroutine may
// call it.
func (s *session) requestCheck() {
	s.checkWanted.Store(true)
	s.schedule()
}
