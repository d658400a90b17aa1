package live

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Who asks for more than they may gets the answer late. A client that waits for
// its answers then asks as often as it is answered, however fast it could: a
// refusal that came at once would only invite the next request.

const (
	delayMost   = 5 * time.Second // longest time that an answer is held back
	delayedMost = 8192            // requests held back at the same time, unless Limits.Pending is less than twice that
)

// delays holds requests back. Each keeps its connection and its goroutine
// meanwhile, so their number is bounded. Its methods may be called from any
// goroutine.
type delays struct {
	places chan struct{} // has one for each request that is held back
	once   sync.Once
	ended  chan struct{} // closed by end
}

// newDelays bounds the requests to half of the connections that have not
// upgraded, so that newcomers find room beside those that are held back.
func newDelays(pending int) *delays {
	most := delayedMost
	if pending > 0 {
		most = min(most, max(1, pending/2))
	}
	return &delays{places: make(chan struct{}, most), ended: make(chan struct{})}
}

// hold waits for d. False means that it has not waited that long: too many
// requests are held back, the client has gone, or the server ends.
func (h *delays) hold(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case h.places <- struct{}{}:
	default:
		return false
	}
	defer func() { <-h.places }()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-h.ended:
	}
	return false
}

// end lets all go that are held back, and holds nobody from then on.
func (h *delays) end() { h.once.Do(func() { close(h.ended) }) }

// refuseLate holds a refusal back before answer gives it, unless too many are held
// back. The connection ends with the answer: while requests that were sent ahead
// wait on it, nobody sees that the client has gone, and each would be held back.
func (srv *Server) refuseLate(w http.ResponseWriter, r *http.Request, answer func()) {
	srv.delays.hold(r.Context(), delayMost)
	w.Header().Set("Connection", "close")
	answer()
}
