package live

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"pitwall/codec"
)

// goingAway is the close code of a server that stops (RFC 6455, section 7.4.1).
const goingAway = 1001

const (
	drainWaves    = 20     // groups of connections that Drain closes one after the other
	minReturn     = 1000   // ms over which at least the clients of a drain come back
	defaultReturn = 10_000 // clients that come back per second if UpgradeRate is no limit
)

// Drain refuses new connections with 503, and closes the open ones with 1001, spread
// evenly over the time given, so that they do not all come back at once. A connection
// whose socket does not take the close frame within three seconds is cut without it.
// Drain returns when all connections are gone, or when ctx ends.
func (srv *Server) Drain(ctx context.Context, over time.Duration) error {
	srv.returnMs.Store(srv.returnTime())
	srv.refuseRequests()
	var all []*session
	srv.sessions.Range(func(_ uint64, s *session) bool {
		all = append(all, s)
		return true
	})
	tick := time.NewTicker(max(over/drainWaves, time.Millisecond))
	defer tick.Stop()
	for i := 0; ; i++ {
		if i < drainWaves {
			for _, s := range all[i*len(all)/drainWaves : (i+1)*len(all)/drainWaves] {
				s.close(goingAway, "going away")
			}
		}
		if srv.Connections() == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("close connections (%d left): %w", srv.Connections(), ctx.Err())
		}
	}
}

// returnTime is how long the clients of a drain may take to come back, in ms: as many
// per second as one instance lets in.
func (srv *Server) returnTime() int64 {
	rate := srv.limits().UpgradeRate
	if rate <= 0 {
		rate = defaultReturn
	}
	return max(minReturn, int64(1000*float64(srv.Connections())/rate))
}

// drainFrame tells a session when to come back. Ids count up, so that a multiple of the
// golden ratio spreads them evenly (Knuth, The Art of Computer Programming, 6.4).
func (srv *Server) drainFrame(id uint64) []byte {
	const golden = 0x9e3779b97f4a7c15
	after, _ := bits.Mul64(id*golden, uint64(srv.returnMs.Load()))
	return codec.AppendDrain(nil, int64(after))
}
