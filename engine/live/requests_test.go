package live

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Requests of one address beyond the rate wait for their turn. Those that would wait
// too long are refused, late.
func TestRequestsBeyondTheRateAreAnsweredLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := serverWithoutCore(Options{Bounds: Bounds{Limits: Limits{Requests: AddressLimit{Most: 1}}}})
		h := srv.LimitRequests(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
		ask := func() (w *httptest.ResponseRecorder, after time.Duration) {
			w, begin := httptest.NewRecorder(), time.Now()
			h.ServeHTTP(w, requestFrom("192.0.2.1:5", "/"))
			return w, time.Since(begin)
		}
		for range requestBurstSeconds {
			if w, after := ask(); w.Code != 200 || after != 0 {
				t.Errorf("within the burst: status %d after %v, want 200 at once", w.Code, after)
			}
		}
		if w, after := ask(); w.Code != 200 || after != time.Second {
			t.Errorf("beyond the burst: status %d after %v, want 200 after 1s", w.Code, after)
		}
		const n = 20
		answers := make(chan string)
		for range n {
			go func() {
				w, after := ask()
				answers <- fmt.Sprintf("%d after %v, closes %q", w.Code, after, w.Header().Get("Connection"))
			}()
		}
		got := map[string]int{}
		for range n {
			got[<-answers]++
		}
		for s := 1; s <= 5; s++ {
			if one := fmt.Sprintf(`200 after %ds, closes ""`, s); got[one] != 1 {
				t.Errorf("got %q %d times, want once: %v", one, got[one], got)
			}
		}
		if late := `429 after 5s, closes "close"`; got[late] != n-5 {
			t.Errorf("got %q %d times, want %d: %v", late, got[late], n-5, got)
		}
	})
}

// The number of requests that wait is limited. A wait ends when the client or the
// server does. Beyond the limit the answer comes at once and ends the connection.
func TestDelayedRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := serverWithoutCore(Options{Bounds: Bounds{Limits: Limits{Pending: 4, Requests: AddressLimit{Most: 1}}}})
		h := srv.LimitRequests(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		ctx, leave := context.WithCancel(t.Context())
		ask := func() (w *httptest.ResponseRecorder, after time.Duration) {
			w, begin := httptest.NewRecorder(), time.Now()
			h.ServeHTTP(w, requestFrom("192.0.2.1:5", "/").WithContext(ctx))
			return w, time.Since(begin)
		}
		for range requestBurstSeconds {
			ask()
		}
		for range 2 {
			go ask()
		}
		synctest.Wait()
		for range 3 {
			if w, after := ask(); w.Code != 429 || after != 0 || w.Header().Get("Connection") != "close" || w.Header().Get("Retry-After") == "" {
				t.Errorf("with the limit reached: status %d, header %v after %v; want 429, Connection: close and Retry-After at once", w.Code, w.Header(), after)
			}
		}
		leave()
		synctest.Wait()
		if n := len(srv.delays.delayed); n != 0 {
			t.Errorf("%d requests of clients that have gone wait, want 0", n)
		}
		ctx = t.Context()
		srv.limiter.by = nil // as after some time
		for range requestBurstSeconds {
			ask()
		}
		go ask()
		synctest.Wait()
		begin := time.Now()
		srv.delays.end()
		srv.delays.end()
		synctest.Wait()
		if n := len(srv.delays.delayed); n != 0 || time.Since(begin) != 0 {
			t.Errorf("%d requests wait %v after the end, want 0 at once", n, time.Since(begin))
		}
		if none, one := cap(newDelays(0).delayed), cap(newDelays(1).delayed); none != maxDelayed || one != 1 {
			t.Errorf("got limits %d and %d, want %d and 1", none, one, maxDelayed)
		}
	})
}

// A flood from many addresses uses up the limit of all addresses together. Another
// address has its share, and is answered at once.
func TestFloodFromManyAddressesLeavesTheOthersTheirShare(t *testing.T) {
	const all = 20
	now := time.Now()
	l, o := &limiter{}, &Limits{Requests: AddressLimit{Most: 1000}, AllRequests: all}
	at := func(n int) addrKey { return addrKeyOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})) }
	answered, waited, refused := 0, 0, 0
	for n := range 10 {
		for range 200 {
			switch wait, ok := l.request(o, at(n), now); {
			case !ok:
				refused++
			case wait > 0:
				waited++
			default:
				answered++
			}
		}
	}
	if want := 10*requestShareBurst + all*requestBurstSeconds; answered != want || waited != all*int(maxDelay.Seconds()) || refused == 0 {
		t.Errorf("%d were answered at once, %d waited and %d were refused; want %d, %d and some", answered, waited, refused, want, all*int(maxDelay.Seconds()))
	}
	for n := range requestShareBurst {
		if wait, ok := l.request(o, at(99), now); wait != 0 || !ok {
			t.Errorf("request %d of another address: wait %v, allowed %v; want 0, true", n, wait, ok)
		}
	}
	if _, ok := l.request(o, addrKey{}, now); ok {
		t.Error("a request without an address is allowed, want it refused: it has no share")
	}
	// A request that was refused for all addresses costs its own address nothing.
	if v := l.by[at(0)]; v.requests.tokens < 1000*requestBurstSeconds-200 {
		t.Errorf("%v credits are left, want %d or more", v.requests.tokens, 1000*requestBurstSeconds-200)
	}
	now = now.Add(time.Second)
	if wait, ok := l.request(o, at(0), now); wait != 0 || !ok {
		t.Errorf("a second later, an address of the flood: wait %v, allowed %v; want 0, true", wait, ok)
	}
}

// Invalid handshakes, and those of foreign pages, are limited as others are.
func TestBadHandshakesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := serverWithoutCore(Options{Bounds: Bounds{Limits: Limits{UpgradeRatePerAddress: AddressLimit{Most: 1}}}, Access: &accessRule{}})
		for name, r := range map[string]*http.Request{
			"no handshake":   requestFrom("192.0.2.1:5", "/live", "Upgrade", "x"),
			"a foreign page": requestFrom("192.0.2.2:5", "/live", "Origin", "https://evil.example"),
		} {
			for n := range burstSeconds + 1 {
				w, begin := httptest.NewRecorder(), time.Now()
				srv.ServeHTTP(w, r)
				limited := w.Code == 429 && time.Since(begin) == maxDelay && strings.HasPrefix(w.Body.String(), reasonAddrRate+": ")
				if limited != (n == burstSeconds) {
					t.Errorf("%s, request %d: status %d, body %q after %v; want it limited: %v", name, n, w.Code, w.Body, time.Since(begin), n == burstSeconds)
				}
			}
		}
	})
}
