package live

import (
	"context"
	"time"

	"pitwall/shard"
)

// heartbeatSlots is how many ticks the pings of one interval are spread over, so that
// the answers do not come all at once.
const heartbeatSlots = 50

// heartbeat pings every session once per interval, and closes those that have not
// answered two pings. It leaves sessions with unsent bytes alone: the write timeout
// decides whether they are alive. It also leaves sessions alone whose reader is paused:
// their answers are not read.
func (srv *Server) heartbeat(ctx context.Context) {
	ping := shard.NewControl([]byte{0x80 | 0x9, 0})
	slot := uint64(0)
	every(ctx, max(srv.opts.Heartbeat/heartbeatSlots, time.Millisecond), func() {
		srv.sessions.Range(func(id uint64, s *session) bool {
			if id%heartbeatSlots == slot {
				s.ping(ping)
			}
			return true
		})
		slot = (slot + 1) % heartbeatSlots
	})
}

// ping pings s, or closes it. The heartbeat goroutine calls it.
func (s *session) ping(frame *shard.Chunk) {
	if n, _ := s.conn.Queued(); n > 0 || s.inbox.paused() {
		s.missedPongs.Store(0) // the last pings may not have arrived
		return
	}
	if s.missedPongs.Add(1) > 2 {
		s.close(1008, "no answer to pings")
		return
	}
	s.push(frame)
}
