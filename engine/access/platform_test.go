package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// neverRespond waits until the client has gone.
func neverRespond(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// redirectToLogin sends unknown clients to a login page, as many platforms do. The
// page itself would be a positive answer.
func redirectToLogin(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/login" {
		response(200, `{"id":"login page","allowed":true}`)(w, r)
		return
	}
	http.Redirect(w, r, "/login", http.StatusFound)
}

// The answers of AUTH_URL, and the status for the client.
func TestAuthAnswers(t *testing.T) {
	const accepted, refused, unknown = 0, 401, 503
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   int
		user   string
	}{
		{"an id", response(200, `{"id":"ada","name":"Ada"}`), accepted, "ada"},
		{"a number", response(200, `{"id":42}`), accepted, "42"},
		{"created", response(201, `{"id":"ada","events":["rally"]}`), accepted, "ada"},
		{"unauthorised", response(401, `{"id":"ada"}`), refused, ""},
		{"forbidden", response(403, ""), refused, ""},
		{"no id", response(200, `{"name":"Ada"}`), unknown, ""},
		{"an empty id", response(200, `{"id":""}`), unknown, ""},
		{"null", response(200, `{"id":null}`), unknown, ""},
		{"an id in capitals", response(200, `{"ID":"ada"}`), unknown, ""},
		{"an id that is an object", response(200, `{"id":{"a":1}}`), unknown, ""},
		{"a fraction", response(200, `{"id":1.5}`), unknown, ""},
		{"a list", response(200, `[{"id":"ada"}]`), unknown, ""},
		{"two objects", response(200, `{"id":"ada"}{"id":"eve"}`), unknown, ""},
		{"null itself", response(200, `null`), unknown, ""},
		{"events that are none", response(200, `{"id":"ada","events":"*"}`), unknown, ""},
		{"a page", response(200, "<html>please sign in</html>"), unknown, ""},
		{"no content", response(204, ""), unknown, ""},
		{"a redirect", redirectToLogin, unknown, ""},
		{"not found", response(404, `{"id":"ada"}`), unknown, ""},
		{"too many", response(429, `{"id":"ada"}`), unknown, ""},
		{"an error", response(500, `{"id":"ada"}`), unknown, ""},
		{"ten megabytes", response(200, `{"id":"ada","x":"`+strings.Repeat("x", 10<<20)+`"}`), unknown, ""},
		{"ten megabytes in a header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 10<<20))
		}, unknown, ""},
		{"nothing in time", neverRespond, unknown, ""},
		{"half of it in time", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"id":`))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, unknown, ""},
		{"a connection that is cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, unknown, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newStubServer(t, c.answer)
			g, _ := newGuard(t, func(o *Options) {
				o.Mode, o.URL = ModeHTTP, d.URL+"/me"
				if strings.HasSuffix(c.name, "in time") {
					o.Timeout = shortTimeout
				}
			})
			who, status := g.Authenticate(bearerRequest("x"))
			if status != c.want {
				t.Fatalf("status %d, want %d", status, c.want)
			}
			if id, ok := who.(*Identity); status == accepted && (!ok || id.user != c.user) {
				t.Errorf("got identity %+v, want user %s", who, c.user)
			}
		})
	}
}

// The answers of AUTHZ_URL, and the decisions.
func TestAuthzAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"yes", response(200, `{"allowed":true}`), "yes"},
		{"yes without a body", response(204, ""), "yes"},
		{"no", response(200, `{"allowed":false}`), "no"},
		{"forbidden", response(403, ""), "no"},
		{"unauthorised", response(401, ""), "no"},
		{"no such event", response(404, ""), "no"},
		{"an empty page", response(200, ""), "error"},
		{"a page", response(200, "<html>"), "error"},
		{"allowed is text", response(200, `{"allowed":"true"}`), "error"},
		{"allowed is null", response(200, `{"allowed":null}`), "error"},
		{"no member allowed", response(200, `{"id":"ada"}`), "error"},
		{"a redirect", redirectToLogin, "error"},
		{"an error", response(500, `{"allowed":true}`), "error"},
		{"ten megabytes", response(200, `{"allowed":true,"x":"`+strings.Repeat("x", 10<<20)+`"}`), "error"},
		{"nothing in time", neverRespond, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newStubServer(t, c.answer)
			g, _ := newGuard(t, func(o *Options) {
				o.Decide, o.DecideURL = []string{ByHTTP}, d.URL+"/may?app=1"
				if c.name == "nothing in time" {
					o.Timeout = shortTimeout
				}
			})
			yes, err := authorize(t, g, &Identity{user: "ada"}, "rally")
			got := "no"
			if yes {
				got = "yes"
			}
			if err != nil {
				got = "error"
			}
			if got != c.want || yes && err != nil {
				t.Errorf("got %v, %v; want %s", yes, err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), d.URL) {
				t.Errorf("error %q contains the URL, want it without", err)
			}
		})
	}
}

// The requests to the platform carry the credentials of the client, and nothing else
// of its request.
func TestRequestsToThePlatform(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	d := newStubServer(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.RequestURI()+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Cookie"))
		mu.Unlock()
		response(200, `{"id":"ada & co","allowed":true}`)(w, r)
	})
	g, _ := newGuard(t, func(o *Options) {
		o.Mode, o.URL, o.Cookies, o.TokenCookie = ModeHTTP, d.URL+"/me", []string{"sid"}, ""
		o.Decide, o.DecideURL = []string{ByHTTP}, d.URL+"/may?app=1"
	})
	for _, r := range []*http.Request{
		newRequest("/live", "Authorization", "Basic YTpi", "Cookie", "tracker=1; sid=2", "X-Forwarded-For", "1.2.3.4"),
		newRequest("/live", "Sec-WebSocket-Protocol", "pitwall.v1, bearer.abc"),
		newRequest("/live?access_token=def"),
		newRequest("/live"),
		newRequest("/live", "Cookie", "tracker=1"),
	} {
		who, status := g.Authenticate(r)
		if status == 0 {
			if yes, err := authorize(t, g, who, "a/b"); !yes || err != nil {
				t.Errorf("authorize: got %v, %v; want true and no error", yes, err)
			}
		} else if status != 401 {
			t.Errorf("status %d, want 0 or 401", status)
		}
	}
	want := "/me Basic YTpi sid=2|/may?app=1&event=a%2Fb&user=ada+%26+co  |/me Bearer abc |/me Bearer def "
	if got := strings.Join(seen, "|"); got != want {
		t.Errorf("got requests\n%s\nwant\n%s", got, want)
	}
}

// Clients with equal credentials share one request to the platform.
func TestOneRequestPerCredential(t *testing.T) {
	release := make(chan struct{})
	g, d := newPlatformGuard(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		response(200, `{"id":"ada"}`)(w, r)
	})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, status := g.Authenticate(bearerRequest("same")); status != 0 {
				t.Errorf("status %d, want 0", status)
			}
		})
	}
	eventually(t, "the request to the platform", func() bool { return d.requests.Load() == 1 })
	close(release)
	all.Wait()
	if n := d.requests.Load(); n != 1 {
		t.Errorf("got %d requests for 50 equal credentials, want 1", n)
	}
	if _, status := g.Authenticate(bearerRequest("other")); status != 0 || d.requests.Load() != 2 {
		t.Errorf("another credential: status %d after %d requests, want 0 after 2", status, d.requests.Load())
	}
}

// Checks of sessions do not wait for other requests to the platform. They go on while
// all connections for handshakes and subscribes are in use, and while another client
// has the same question under way.
func TestRechecksDoNotWaitForOthers(t *testing.T) {
	release := make(chan struct{})
	var blocked atomic.Int64
	hold := func(w http.ResponseWriter, r *http.Request) {
		blocked.Add(1)
		<-release
		response(403, "")(w, r)
	}
	d := newStubServer(t, response(200, `{"id":"ada"}`))
	may := newStubServer(t, hold)
	g, _ := newGuard(t, func(o *Options) {
		o.Mode, o.URL, o.Decide, o.DecideURL, o.Cache = ModeHTTP, d.URL, []string{ByHTTP}, may.URL, 0
	})
	who, status := g.Authenticate(bearerRequest("ada"))
	if status != 0 {
		t.Fatalf("status %d", status)
	}
	d.respond(hold)
	var all sync.WaitGroup
	const conns = 64
	for k := range conns {
		token, event := "ada", "e" // the same as the check below
		if k > 0 {
			token, event = fmt.Sprintf("bob%d", k), fmt.Sprintf("e%d", k)
		}
		all.Go(func() { g.Authenticate(bearerRequest(token)) })
		all.Go(func() { _, _ = g.Ask(t.Context(), who, event, false) })
	}
	eventually(t, "all connections to be in use", func() bool { return blocked.Load() == 2*conns })
	d.respond(response(401, ""))
	may.respond(response(403, ""))
	if now, err := g.Confirm(t.Context(), who); now != nil || err != nil {
		t.Errorf("confirm the session: got %v, %v; want nil and no error", now, err)
	}
	if yes, err := g.Ask(t.Context(), who, "e", true); yes || err != nil {
		t.Errorf("ask about the event: got %v, %v; want false and no error", yes, err)
	}
	close(release)
	all.Wait()
}

// Checks of sessions get a database connection, although requests use all that they
// may have.
func TestRechecksGetADatabaseConnection(t *testing.T) {
	d := &blockingStore{begun: make(chan struct{}, 100), release: make(chan struct{})}
	g, _ := newGuard(t, func(o *Options) {
		d.Store, o.Store, o.Sessions, o.Decide, o.Cache = o.Store, d, 4, []string{BySQL}, 0
	})
	d.block.Store(true)
	ada := &Identity{user: "ada"}
	var all sync.WaitGroup
	for k := range 20 {
		all.Go(func() { _, _ = g.Ask(t.Context(), ada, fmt.Sprintf("e%d", k), false) })
	}
	<-d.begun
	<-d.begun
	if _, err := g.Ask(t.Context(), ada, "e", true); err != nil {
		t.Errorf("ask about a subscription: %v", err)
	}
	d.block.Store(false)
	close(d.release)
	all.Wait()
	if n := d.most.Load(); n > 3 {
		t.Errorf("%d queries ran at once, want 3 at most: 2 of requests and 1 of a check", n)
	}
}

// blockingStore is a Store that blocks queries about all events but e while block is
// set.
type blockingStore struct {
	Store
	begun   chan struct{} // a query that blocks
	release chan struct{} // closed to let them go on
	block   atomic.Bool
	now     atomic.Int64 // queries
	most    atomic.Int64 // that ran at once
}

func (s *blockingStore) MayWatch(ctx context.Context, query, user, event string) (bool, error) {
	if s.block.Load() {
		n := s.now.Add(1)
		defer s.now.Add(-1)
		for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
		}
		if event != "e" {
			s.begun <- struct{}{}
			<-s.release
		}
	}
	return s.Store.MayWatch(ctx, query, user, event)
}

// Answers of the platform are cached. Errors are not.
func TestAnswersAreCached(t *testing.T) {
	g, d := newPlatformGuard(t, response(500, ""))
	connect := func(want int, requests int64) {
		t.Helper()
		before := d.requests.Load()
		if _, status := g.Authenticate(bearerRequest("x")); status != want || d.requests.Load()-before != requests {
			t.Errorf("status %d after %d requests, want %d after %d", status, d.requests.Load()-before, want, requests)
		}
	}
	connect(503, 1)
	connect(503, 1) // an error is not cached
	d.respond(response(200, `{"id":"ada"}`))
	connect(0, 1)
	d.respond(response(401, ""))
	connect(0, 0)
	g.identities.flush()
	connect(401, 1)
	connect(401, 0)
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache[bool](t.Context(), time.Second)
	c.maxEntries = 100
	put := func(lifetime time.Duration, n int) {
		for i := range n {
			c.put(c.key("x", string(rune(i))), true, 0, time.Now(), lifetime)
		}
	}
	put(-time.Second, 100)
	put(time.Hour, 1000)
	if n := len(c.entries); n > 100 || n < 80 {
		t.Errorf("%d answers are cached, want 80 to 100", n)
	}
	if c.key("a", "bc") == c.key("ab", "c") {
		t.Error("keys with different parts are equal")
	}
	if newCache[bool](t.Context(), 0).key("a") == c.key("a") {
		t.Error("two caches have equal keys, want a secret in each")
	}
	c.flush()
	c.put(c.key("late"), true, 0, time.Now(), time.Hour)
	if len(c.entries) != 0 {
		t.Error("the answer to a question from before the flush is cached")
	}
}

func TestErrorNamesTheSetting(t *testing.T) {
	g, _ := newPlatformGuard(t, response(500, ""))
	_, err := g.auth.authenticate(t.Context(), g.clients.connect, credential{token: "x"})
	if err == nil || errors.Is(err, errRefused) || !strings.Contains(err.Error(), "AUTH_URL") {
		t.Errorf("got error %v, want one that names AUTH_URL and is not errRefused", err)
	}
}
