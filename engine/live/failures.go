package live

import (
	"net/http"
	"time"
)

// Each address has a budget of bad credentials (Limits.Failures). Beyond it, a
// credential that was not recently found good has to wait to be verified, and is refused
// unverified if it would wait too long: verifying costs more than forging. A credential
// that was recently found good never waits, from any address. So people who share an
// address with an attacker can reconnect at once, and newcomers among them still get
// their share of the verifications.

// failureBurstSeconds is how many seconds' worth of failures may come at once.
const failureBurstSeconds = 4

// verification is the permission to verify one credential.
type verification struct {
	from    addrKey
	charged bool // as a failure, in advance
}

// beginVerification permits a verification, after wait. ok is false if that would be
// longer than maxDelay. Where ok is true, endVerification must follow.
func (l *limiter) beginVerification(o *Limits, from addrKey, now time.Time) (v verification, wait time.Duration, ok bool) {
	v.from = from
	rate := float64(o.Failures.of(from))
	if rate <= 0 {
		return v, 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := &l.state(from, now).failures
	if b.fill(rate, failureBurstSeconds*rate, now); b.tokens >= 1 {
		return v, 0, true // it is charged only if it fails
	}
	wait, ok = b.reserve(rate, failureBurstSeconds*rate, maxDelay, now)
	v.charged = ok
	return v, wait, ok
}

// endVerification charges a failure, or takes back the charge of a verification that
// did not fail.
func (l *limiter) endVerification(o *Limits, v verification, failed bool, now time.Time) {
	rate := float64(o.Failures.of(v.from))
	if rate <= 0 || v.charged == failed {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, burst := &l.state(v.from, now).failures, failureBurstSeconds*rate
	b.fill(rate, burst, now)
	if failed {
		// Many verifications may begin before the first of them has failed. The bound
		// limits how long the address pays for that.
		b.tokens = max(min(-burst, b.tokens), b.tokens-1)
	} else {
		b.tokens = min(burst, b.tokens+1)
	}
}

// authenticate returns the identity of a request. reason is "" if the client may come
// in. A bad credential that had to wait ends its connection, as a delayed refusal does.
func (srv *Server) authenticate(w http.ResponseWriter, r *http.Request, from addrKey) (identity any, status int, reason string) {
	v, limits := verification{from: from}, srv.limits()
	if known := srv.opts.Recognize; known == nil || !known(r) {
		wait, ok := time.Duration(0), false
		if v, wait, ok = srv.limiter.beginVerification(limits, from, time.Now()); !ok {
			return nil, http.StatusTooManyRequests, reasonFailures
		}
		if !srv.delays.wait(r.Context(), wait) {
			srv.limiter.endVerification(limits, v, false, time.Now())
			return nil, http.StatusTooManyRequests, reasonFailures
		}
	}
	identity, status = srv.opts.Access.Authenticate(r)
	failed := status == http.StatusUnauthorized
	srv.limiter.endVerification(limits, v, failed, time.Now())
	if v.charged && failed {
		w.Header().Set("Connection", "close")
	}
	return identity, status, accessReason(status)
}
