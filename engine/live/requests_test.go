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

// Requests of one address wait for their turn, then are refused, late.
func TestRequestsBeyondTheRateAreAnsweredLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := bare(Options{Limits: Limits{Requests: AddressLimit{Most: 1}}})
		h := srv.LimitRequests(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
		ask := func() (w *httptest.ResponseRecorder, after time.Duration) {
			w, begin := httptest.NewRecorder(), time.Now()
			h.ServeHTTP(w, from("192.0.2.1:5", "/"))
			return w, time.Since(begin)
		}
		for range burstSeconds {
			if w, after := ask(); w.Code != 200 || after != 0 {
				t.Errorf("%d after %v", w.Code, after)
			}
		}
		if w, after := ask(); w.Code != 200 || after != time.Second {
			t.Errorf("beyond the rate: %d after %v, want 200 after a second", w.Code, after)
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
				t.Errorf("%d times %s, want one: %v", got[one], one, got)
			}
		}
		if late := `429 after 5s, closes "close"`; got[late] != n-5 {
			t.Errorf("%v, want %d times %s", got, n-5, late)
		}
	})
}

// What is held back has a bound, and ends with the client or with the server.
// Beyond the bound the answer comes at once and ends the connection.
func TestDelayedRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := bare(Options{Limits: Limits{Pending: 4, Requests: AddressLimit{Most: 1}}})
		h := srv.LimitRequests(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		ctx, leave := context.WithCancel(t.Context())
		ask := func() (w *httptest.ResponseRecorder, after time.Duration) {
			w, begin := httptest.NewRecorder(), time.Now()
			h.ServeHTTP(w, from("192.0.2.1:5", "/").WithContext(ctx))
			return w, time.Since(begin)
		}
		for range burstSeconds {
			ask()
		}
		for range 2 {
			go ask()
		}
		synctest.Wait()
		for range 3 {
			if w, after := ask(); w.Code != 429 || after != 0 || w.Header().Get("Connection") != "close" || w.Header().Get("Retry-After") == "" {
				t.Errorf("with all places taken: %d %v after %v", w.Code, w.Header(), after)
			}
		}
		leave()
		synctest.Wait()
		if n := len(srv.delays.places); n != 0 {
			t.Errorf("%d requests are held back of clients that have gone", n)
		}
		ctx = t.Context()
		srv.limiter.by = nil // as after a while
		for range burstSeconds {
			ask()
		}
		go ask()
		synctest.Wait()
		begin := time.Now()
		srv.delays.end()
		srv.delays.end()
		synctest.Wait()
		if n := len(srv.delays.places); n != 0 || time.Since(begin) != 0 {
			t.Errorf("%d requests are held back at the end", n)
		}
		if cap(newDelays(0).places) != delayedMost || cap(newDelays(1).places) != 1 {
			t.Error("bounds of the delays")
		}
	})
}

// A flood from many addresses takes what all have together; who asks for a page
// from another address is answered at once.
func TestFloodFromManyAddressesLeavesTheOthersTheirShare(t *testing.T) {
	const all = 20
	now := time.Now()
	l := &limiter{o: Limits{Requests: AddressLimit{Most: 1000}, AllRequests: all}}
	at := func(n int) addrKey { return addrKeyOf(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})) }
	answered, waited, refused := 0, 0, 0
	for n := range 10 {
		for range 200 {
			switch wait, ok := l.request(at(n), now); {
			case !ok:
				refused++
			case wait > 0:
				waited++
			default:
				answered++
			}
		}
	}
	if want := 10*requestShareBurst + all*burstSeconds; answered != want || waited != all*int(delayMost.Seconds()) || refused == 0 {
		t.Errorf("%d answered at once, want %d; %d waited, %d refused", answered, want, waited, refused)
	}
	for n := range requestShareBurst {
		if wait, ok := l.request(at(99), now); wait != 0 || !ok {
			t.Errorf("request %d of another address waits for %v, %v", n, wait, ok)
		}
	}
	if _, ok := l.request(addrKey{}, now); ok {
		t.Error("of nobody's address, a request has a share of its own")
	}
	// What was refused for all was not taken from the address.
	if v := l.by[at(0)]; v.requests.tokens < 1000*burstSeconds-200 {
		t.Errorf("%v credits are left", v.requests.tokens)
	}
	now = now.Add(time.Second)
	if wait, ok := l.request(at(0), now); wait != 0 || !ok {
		t.Errorf("a second later the share of an attacker's address is %v, %v", wait, ok)
	}
}

// Handshakes that are none, or of a foreign page, are limited as the others are.
func TestBadHandshakesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := bare(Options{Limits: Limits{UpgradeRatePerAddress: AddressLimit{Most: 1}}, Access: &accessRule{}})
		for name, r := range map[string]*http.Request{
			"no handshake":   from("192.0.2.1:5", "/live", "Upgrade", "x"),
			"a foreign page": from("192.0.2.2:5", "/live", "Origin", "https://evil.example"),
		} {
			for n := range burstSeconds + 1 {
				w, begin := httptest.NewRecorder(), time.Now()
				srv.ServeHTTP(w, r)
				limited := w.Code == 429 && time.Since(begin) == delayMost && strings.HasPrefix(w.Body.String(), reasonAddrRate+": ")
				if limited != (n == burstSeconds) {
					t.Errorf("%s, request %d: %d %q after %v", name, n, w.Code, w.Body, time.Since(begin))
				}
			}
		}
	})
}
