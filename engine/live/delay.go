package live

import (
	"context"
	"net/http"
	"time"
)

// A client that exceeds its limit is answered late. If it waits for its answers, it
// cannot send faster than they come. An immediate refusal would only invite the next
// request.

const (
	maxDelay   = 5 * time.Second // how long an answer may be delayed
	maxDelayed = 8192            // requests that may be delayed at the same time; see newDelays
)

// delays has requests wait. Each keeps its connection and its goroutine meanwhile, so
// their number is bounded. Any goroutine may call its methods.
type delays struct {
	delayed chan struct{} // one element per waiting request
	ctx     context.Context
	end     context.CancelFunc // ends all waits, also later ones
}

// newDelays bounds the waiting requests to half of Limits.Pending, which is what may be
// connected without having upgraded, so that there is room for newcomers.
func newDelays(pending int) *delays {
	limit := maxDelayed
	if pending > 0 {
		limit = min(limit, max(1, pending/2))
	}
	d := &delays{delayed: make(chan struct{}, limit)}
	d.ctx, d.end = context.WithCancel(context.Background())
	return d
}

// wait waits for t. It is false if that was cut short: too many requests wait, the
// client is gone (ctx), or the server ends.
func (d *delays) wait(ctx context.Context, t time.Duration) bool {
	if t <= 0 {
		return true
	}
	select {
	case d.delayed <- struct{}{}:
	default:
		return false
	}
	defer func() { <-d.delayed }()
	select {
	case <-time.After(t):
		return true
	case <-ctx.Done():
	case <-d.ctx.Done():
	}
	return false
}

// refuse refuses a request by calling answer. If delayed, it first waits for maxDelay,
// unless too many requests wait already, and closes the connection with the answer.
// Otherwise each request that the client has pipelined on the connection would be
// delayed as well, and nobody would notice that the client is gone.
func (srv *Server) refuse(w http.ResponseWriter, r *http.Request, delayed bool, answer func()) {
	if delayed {
		srv.delays.wait(r.Context(), maxDelay)
		w.Header().Set("Connection", "close")
	}
	answer()
}
