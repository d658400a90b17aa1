package live

import (
	"net/http"
	"time"
)

// requestBurstSeconds is how many seconds' worth of requests may come at once.
// It is less than for handshakes, since a request beyond it waits and is answered.
const requestBurstSeconds = 1

// Each address has a share of its own, in requests per second and at once: a page
// is some fifteen files. Only requests beyond the share count for Limits.AllRequests.
// So a flood from some addresses leaves the others enough to load a page.
const (
	requestShare      = 10
	requestShareBurst = 50
)

// request counts an HTTP request, which has to wait for its turn. ok is false if that
// takes longer than maxDelay.
func (l *limiter) request(o *Limits, from addrKey, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.state(from, now)
	own := float64(o.Requests.of(from))
	if own > 0 {
		if wait, ok = a.requests.reserve(own, requestBurstSeconds*own, maxDelay, now); !ok {
			return 0, false
		}
	}
	all := o.AllRequests
	if all <= 0 || from != (addrKey{}) && a.share.take(requestShare, requestShareBurst, now) {
		return wait, true
	}
	shared, ok := l.requests.reserve(all, requestBurstSeconds*all, maxDelay, now)
	if !ok && own > 0 {
		a.requests.tokens++ // the request does not use it
	}
	return max(wait, shared), ok
}

// LimitRequests limits the rate of requests, of each address and of all together. A
// request beyond a limit waits for its turn. One that would wait longer than maxDelay is
// answered with 429 after that time. LimitRequests is for everything but GET /live, which
// has limits of its own.
func (srv *Server) LimitRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait, ok := srv.limiter.request(srv.limits(), srv.addrOf(r), time.Now())
		if ok && srv.delays.wait(r.Context(), wait) {
			next.ServeHTTP(w, r)
			return
		}
		srv.m.refusal(reasonHTTPRate)
		srv.refuse(w, r, true, func() { respond(w, http.StatusTooManyRequests, reasonHTTPRate, "too many requests") })
	})
}
