package live

import (
	"context"
	"time"

	"pitwall/shard"
)

// heartbeatSlots is over how many moments of an interval the pings are spread.
const heartbeatSlots = 50

// heartbeat pings every session once per interval, and closes those that have
// not answered two pings. A session with unsent bytes is left alone: whether
// it is alive is for the write time-out to judge. So is one that is not read
// now: its answers are not seen.
func (srv *Server) heartbeat(ctx context.Context) {
	tick := time.NewTicker(max(srv.opts.Heartbeat/heartbeatSlots, time.Millisecond))
	defer tick.Stop()
	ping := shard.NewControl([]byte{0x80 | 0x9, 0})
	for slot := uint64(0); ; slot++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		srv.sessions.Range(func(id uint64, s *session) bool {
			if id%heartbeatSlots == slot%heartbeatSlots {
				s.beat(ping)
			}
			return true
		})
	}
}

func (s *session) beat(ping *shard.Chunk) {
	if n, _ := s.conn.Queued(); n > 0 || s.inbox.paused() {
		s.missed.Store(0) // it may not even have seen the pings before; counted anew once it has drained
		return
	}
	if s.missed.Add(1) > 2 {
		s.close(1008, "no answer to pings")
		return
	}
	s.push(ping)
}
