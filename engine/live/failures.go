package live

import (
	"net/http"
	"time"
)

// An address has a budget of credentials that are not good (Limits.Failures).
// Beyond it each credential that nobody has seen to be good lately waits for its
// turn, and one that would wait too long is refused without a look at it: to verify
// costs more than to forge. Credentials that were good lately pass from any
// address, so that people who share it with an attacker come back at once, and
// newcomers among them get their share of the turns.

// failureBurstSeconds is how many seconds' worth of failures may come at once.
const failureBurstSeconds = 4

// turn is the permission to have a credential verified.
type turn struct {
	from addrKey
	paid bool // a failure was charged in advance
}

// tryCredential gives a turn. wait is how long the request has to wait for it;
// ok is false where that is longer than delayMost.
func (l *limiter) tryCredential(from addrKey, now time.Time) (t turn, wait time.Duration, ok bool) {
	t.from = from
	rate := float64(l.o.Failures.of(from))
	if rate <= 0 {
		return t, 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetIdle(now)
	b := &l.state(from).failures
	if b.fill(rate, failureBurstSeconds*rate, now); b.tokens >= 1 {
		return t, 0, true // only a failure costs something
	}
	wait, ok = b.reserve(rate, failureBurstSeconds*rate, delayMost, now)
	t.paid = ok
	return t, wait, ok
}

// credentialTried takes note of what has come of it.
func (l *limiter) credentialTried(t turn, good bool, now time.Time) {
	rate := float64(l.o.Failures.of(t.from))
	if rate <= 0 || t.paid != good { // a failure that was paid for, or nothing to pay
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, burst := &l.state(t.from).failures, failureBurstSeconds*rate
	b.fill(rate, burst, now)
	if good {
		b.tokens = min(burst, b.tokens+1)
		return
	}
	// Those that came at the same time, before the first had failed, may be many:
	// what they owe has a bound.
	b.tokens = max(-burst, b.tokens-1)
}

// authenticate asks who a request is from. reason is "" when they may come in. A
// wrong credential that had to wait ends its connection, as a late refusal does.
func (srv *Server) authenticate(w http.ResponseWriter, r *http.Request, from addrKey) (who any, status int, reason string) {
	if known := srv.opts.Recognize; known != nil && known(r) {
		if who, status = srv.opts.Access.Authenticate(r); status != http.StatusUnauthorized {
			return who, status, accessReason(status)
		}
		srv.limiter.credentialTried(turn{from: from}, false, time.Now())
		return nil, status, accessReason(status)
	}
	t, wait, ok := srv.limiter.tryCredential(from, time.Now())
	if !ok || !srv.delays.hold(r.Context(), wait) {
		return nil, http.StatusTooManyRequests, reasonFailures
	}
	who, status = srv.opts.Access.Authenticate(r)
	good := status != http.StatusUnauthorized
	srv.limiter.credentialTried(t, good, time.Now())
	if t.paid && !good {
		w.Header().Set("Connection", "close")
	}
	return who, status, accessReason(status)
}
