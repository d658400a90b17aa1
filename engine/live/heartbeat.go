package live

import (
	"context"
	"time"

	"pitwall/shard"
)

// heartbeatSlots is over how many ticks of an interval the pings are spread, so that the answers do
// not come all at once.
const heartbeatSlots = 50

// heartbeat pings every session once per interval, and closes those that have
// not answered two pings. A session with unsent bytes is left alone: the write
// timeout decides whether it is alive. So is one whose reader is paused: its
// answers are not seen.
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
				s.ping(ping)
			}
			return true
		})
	}
}

// ping pings s, or closes it. The heartbeat goroutine calls it.
func (s *session) ping(frame *shard.Chunk) {
	if n, _ := s.conn.Queued(); n > 0 || s.inbox.paused() {
		s.missedPongs.Store(0) // it may not have seen the last pings; counted anew when it has drained
		return
	}
	if s.missedPongs.Add(1) > 2 {
		s.close(1008, "no answer to pings")
		return
	}
	s.push(frame)
}
