package live

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// A failure that was not charged when it began never gives credit, however deep in debt
// its address is.
func TestFailuresNeverGiveCredit(t *testing.T) {
	const rate = 2
	a, now := addrKeyOf(netip.MustParseAddr("192.0.2.2")), time.Now()
	l, o := &limiter{}, &Limits{Failures: AddressLimit{Most: rate}}
	early, _, _ := l.beginVerification(o, a, now)
	b := &l.state(a, now).failures
	for {
		if _, _, ok := l.beginVerification(o, a, now); !ok {
			break
		}
		b.tokens-- // as failures do that come at the same time
	}
	before := b.tokens
	l.endVerification(o, early, true, now)
	if b.tokens > before {
		t.Errorf("a failure raised the budget from %v to %v", before, b.tokens)
	}
}

// Failed credentials of an address are delayed beyond its budget, here 2 a second,
// and then refused without a check.
func TestFailureBudget(t *testing.T) {
	const rate, burst = 2, 2 * failureBurstSeconds
	a, b := addrKeyOf(netip.MustParseAddr("2001:db8::1")), addrKeyOf(netip.MustParseAddr("192.0.2.2"))
	neighbour := addrKeyOf(netip.MustParseAddr("2001:db8::ffff"))
	now := time.Now()
	l, o := &limiter{}, &Limits{Failures: AddressLimit{Most: rate, SpareLoopback: true}}
	try := func(from addrKey, good bool) (wait time.Duration, ok bool) {
		t.Helper()
		v, wait, ok := l.beginVerification(o, from, now)
		if ok {
			l.endVerification(o, v, !good, now)
		}
		return wait, ok
	}
	for n := range burst {
		try(a, true) // costs nothing
		if wait, ok := try(a, false); wait != 0 || !ok {
			t.Fatalf("failure %d: wait %v, allowed %v; want 0, true", n, wait, ok)
		}
	}
	for n := range int(rate * maxDelay.Seconds()) { // each waits for its own turn
		want := time.Duration(n+1) * time.Second / rate
		if wait, ok := try(neighbour, false); wait != want || !ok {
			t.Errorf("attempt %d beyond the budget: wait %v, allowed %v; want %v, true", n, wait, ok, want)
		}
	}
	for range 100 { // costs nothing, since it is not checked
		if _, ok := try(a, false); ok {
			t.Fatal("an attempt that would wait too long was allowed, want it refused")
		}
	}
	if wait, ok := try(b, false); wait != 0 || !ok {
		t.Errorf("another address: wait %v, allowed %v; want 0, true", wait, ok)
	}
	for range 3 * burst {
		if wait, ok := try(addrKeyOf(netip.MustParseAddr("127.0.0.1")), false); wait != 0 || !ok {
			t.Fatalf("loopback, which has no limit: wait %v, allowed %v; want 0, true", wait, ok)
		}
	}
	now = now.Add(maxDelay)
	for range 10 { // a good credential gives its turn back
		if wait, ok := try(a, true); wait > time.Second/rate || !ok {
			t.Errorf("a good credential: wait %v, allowed %v; want %v at most, true", wait, ok, time.Second/rate)
		}
	}
	now = now.Add(time.Hour)
	try(b, true)
	if len(l.by) != 1 {
		t.Errorf("%d addresses are remembered, want 1, which is b", len(l.by))
	}
}

// Credentials that fail at the same time, before the first failure is known, use
// up no more than the burst.
func TestConcurrentFailuresAreBounded(t *testing.T) {
	a, now := addrKeyOf(netip.MustParseAddr("192.0.2.1")), time.Now()
	l, o := &limiter{}, &Limits{Failures: AddressLimit{Most: 1}}
	var all []verification
	for range 1000 {
		v, _, ok := l.beginVerification(o, a, now)
		if !ok || v.charged {
			t.Fatalf("allowed %v, charged %v; want true, false", ok, v.charged)
		}
		all = append(all, v)
	}
	for _, v := range all {
		l.endVerification(o, v, true, now)
	}
	now = now.Add(failureBurstSeconds*time.Second + time.Second)
	if _, wait, ok := l.beginVerification(o, a, now); wait != 0 || !ok {
		t.Errorf("after the time of a burst: wait %v, allowed %v; want 0, true", wait, ok)
	}
}

// serverWithoutCore is a server for tests of what comes before the upgrade.
func serverWithoutCore(o Options) *Server {
	srv := &Server{opts: o, delays: newDelays(o.Limits.Pending)}
	srv.m = newMeters(metrics.NewSet(), srv)
	o.MaxConnections = 1 << 20
	if err := srv.SetBounds(o.Bounds); err != nil {
		panic(err)
	}
	return srv
}

// requestFrom is a GET request from a peer, with headers in pairs.
func requestFrom(peer, path string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr = peer
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// During a flood of wrong tokens from one address, as many are verified as the
// budget allows, and the answers are late. A client of the same address whose
// credential is recognized is let in at once, another after a wait that is bounded.
func TestWrongTokensBeyondTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var verified atomic.Int64
		srv := serverWithoutCore(Options{
			Bounds:    Bounds{Limits: Limits{Failures: AddressLimit{Most: 1}}},
			Recognize: func(r *http.Request) bool { return r.Header.Get("Authorization") == "known" },
			Access: &accessRule{authenticate: func(r *http.Request) (any, int) {
				verified.Add(1)
				if a := r.Header.Get("Authorization"); a == "known" || a == "new" {
					return a, 0
				}
				return nil, http.StatusUnauthorized
			}},
		})
		// A plain GET is answered 400 where a handshake would be let in.
		ask := func(token string) (status int, after time.Duration, w *httptest.ResponseRecorder) {
			w, begin := httptest.NewRecorder(), time.Now()
			srv.ServeHTTP(w, requestFrom("192.0.2.1:5", "/live", "Authorization", token))
			return w.Code, time.Since(begin), w
		}
		for n := range failureBurstSeconds {
			if status, after, _ := ask("wrong"); status != 401 || after != 0 {
				t.Errorf("attempt %d: status %d after %v, want 401 at once", n, status, after)
			}
		}
		if status, after, w := ask("wrong"); status != 401 || after != time.Second || w.Header().Get("Connection") != "close" {
			t.Errorf("beyond the budget: status %d after %v, header %v; want 401 after 1s, Connection: close", status, after, w.Header())
		}
		flood := make(chan int)
		for range 100 { // at the same time
			go func() {
				status, _, _ := ask("wrong")
				flood <- status
			}()
		}
		synctest.Wait()
		before := verified.Load()
		if status, after, _ := ask("known"); status != 400 || after != 0 {
			t.Errorf("a recognized client: status %d after %v, want 400 at once", status, after)
		}
		if status, after, w := ask("new"); status != 429 || after != maxDelay || w.Header().Get("Retry-After") == "" ||
			!strings.HasPrefix(w.Body.String(), reasonFailures+": ") {
			t.Errorf("while too many wait: status %d, body %q after %v; want 429, %s after %v", status, w.Body, after, reasonFailures, maxDelay)
		}
		late := 0
		for range 100 {
			if <-flood == 429 {
				late++
			}
		}
		if most, n := 1+int(maxDelay.Seconds()), int(verified.Load()-before); n > most || late < 100-most {
			t.Errorf("%d were verified and %d refused unverified, want %d at most, and all others", n, late, most)
		}
		if status, after, _ := ask("new"); status != 400 || after > time.Second {
			t.Errorf("a new client after the flood: status %d after %v, want 400 within 1s", status, after)
		}
		if n := len(srv.delays.delayed); n != 0 || srv.Connections() != 0 {
			t.Errorf("%d requests wait and %d connections are counted at the end, want 0 and 0", n, srv.Connections())
		}
	})
}

// A client that leaves while its credential waits to be verified gives its turn back.
// The next one of the address waits as if it had not come.
func TestTurnIsGivenBackByClientsThatLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verified := 0
		srv := serverWithoutCore(Options{
			Bounds: Bounds{Limits: Limits{Failures: AddressLimit{Most: 1}}},
			Access: &accessRule{authenticate: func(*http.Request) (any, int) { verified++; return nil, http.StatusUnauthorized }},
		})
		ask := func(ctx context.Context) (status int, after time.Duration) {
			w, begin := httptest.NewRecorder(), time.Now()
			srv.ServeHTTP(w, requestFrom("192.0.2.1:5", "/live", "Authorization", "wrong").WithContext(ctx))
			return w.Code, time.Since(begin)
		}
		for range failureBurstSeconds {
			ask(t.Context())
		}
		ctx, leave := context.WithCancel(t.Context())
		for range int(maxDelay.Seconds()) { // as many as may wait
			go ask(ctx)
		}
		synctest.Wait()
		if _, _, ok := srv.limiter.beginVerification(srv.limits(), addrKeyOf(netip.MustParseAddr("192.0.2.1")), time.Now()); ok {
			t.Fatal("a credential may wait although as many wait as may")
		}
		leave()
		synctest.Wait()
		before := verified
		if status, after := ask(t.Context()); status != http.StatusUnauthorized || after > time.Second || verified != before+1 {
			t.Errorf("after the others have left: status %d after %v, %d verified; want 401 within 1s, 1 verified", status, after, verified-before)
		}
	})
}
