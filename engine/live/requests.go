package live

import (
	"net/http"
	"time"
)

// requestBurstSeconds is how many seconds' worth of requests may come at once.
// It is less than for handshakes, since a request beyond it waits and is answered.
const requestBurstSeconds = 1

// Each address has a share of its own, in requests per second and at once: a page
// is some fifteen files. Requests beyond the share count for Limits.AllRequests.
// So no number of addresses takes the machine, and a flood from some leaves the
// others what they need.
const (
	requestShare      = 10
	requestShareBurst = 50
)

// request counts an HTTP request. wait is how long it has to wait for its turn;
// ok is false where that is longer than delayMost.
func (l *limiter) request(from addrKey, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetIdle(now)
	v := l.state(from)
	own := float64(l.o.Requests.of(from))
	if own > 0 {
		if wait, ok = v.requests.reserve(own, requestBurstSeconds*own, delayMost, now); !ok {
			return 0, false
		}
	}
	all := l.o.AllRequests
	if all <= 0 || from != (addrKey{}) && v.share.take(requestShare, requestShareBurst, now) {
		return wait, true
	}
	shared, ok := l.requests.reserve(all, requestBurstSeconds*all, delayMost, now)
	if !ok && own > 0 {
		v.requests.tokens++ // it was not used
	}
	return max(wait, shared), ok
}

// LimitRequests lets requests through as often as their address may ask, and as all
// may together. Those beyond wait for their turn; who would wait too long is
// answered 429, late. It is for everything but GET /live, which has limits of its
// own.
func (srv *Server) LimitRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait, ok := srv.limiter.request(srv.addrOf(r), time.Now())
		if ok && srv.delays.hold(r.Context(), wait) {
			next.ServeHTTP(w, r)
			return
		}
		srv.m.refusal(reasonHTTPRate)
		srv.refuseLate(w, r, func() { respond(w, http.StatusTooManyRequests, reasonHTTPRate, "too many requests") })
	})
}
