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

// hanging answers nothing until the client has gone.
func hanging(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// toLogin is what many platforms do with strangers; the page behind it would
// be taken for a person.
func toLogin(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/login" {
		says(200, `{"id":"login page","allowed":true}`)(w, r)
		return
	}
	http.Redirect(w, r, "/login", http.StatusFound)
}

func TestAuthAnswers(t *testing.T) {
	const in, out, unknown = 0, 401, 503
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   int
		user   string
	}{
		{"an id", says(200, `{"id":"ada","name":"Ada"}`), in, "ada"},
		{"a number", says(200, `{"id":42}`), in, "42"},
		{"created", says(201, `{"id":"ada","events":["rally"]}`), in, "ada"},
		{"unauthorised", says(401, `{"id":"ada"}`), out, ""},
		{"forbidden", says(403, ""), out, ""},
		{"no id", says(200, `{"name":"Ada"}`), unknown, ""},
		{"an empty id", says(200, `{"id":""}`), unknown, ""},
		{"null", says(200, `{"id":null}`), unknown, ""},
		{"an id in capitals", says(200, `{"ID":"ada"}`), unknown, ""},
		{"an id that is an object", says(200, `{"id":{"a":1}}`), unknown, ""},
		{"a fraction", says(200, `{"id":1.5}`), unknown, ""},
		{"a list", says(200, `[{"id":"ada"}]`), unknown, ""},
		{"two objects", says(200, `{"id":"ada"}{"id":"eve"}`), unknown, ""},
		{"null itself", says(200, `null`), unknown, ""},
		{"events that are none", says(200, `{"id":"ada","events":"*"}`), unknown, ""},
		{"a page", says(200, "<html>please sign in</html>"), unknown, ""},
		{"nothing", says(204, ""), unknown, ""},
		{"a redirect", toLogin, unknown, ""},
		{"not there", says(404, `{"id":"ada"}`), unknown, ""},
		{"too many", says(429, `{"id":"ada"}`), unknown, ""},
		{"an error", says(500, `{"id":"ada"}`), unknown, ""},
		{"ten megabytes", says(200, `{"id":"ada","x":"`+strings.Repeat("x", 10<<20)+`"}`), unknown, ""},
		{"ten megabytes in a header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 10<<20))
		}, unknown, ""},
		{"nothing in time", hanging, unknown, ""},
		{"half of it in time", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"id":`))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, unknown, ""},
		{"a cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, unknown, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t, c.answer)
			g, _ := guard(t, func(o *Options) {
				o.Mode, o.URL = ModeHTTP, d.URL+"/me"
				if strings.HasSuffix(c.name, "in time") {
					o.Timeout = shortTimeout
				}
			})
			who, status := g.Authenticate(asks("/live", "Authorization", "Bearer x"))
			if status != c.want {
				t.Fatalf("status %d, want %d", status, c.want)
			}
			if id, ok := who.(*Identity); status == in && (!ok || id.user != c.user) {
				t.Errorf("in as %+v, want %s", who, c.user)
			}
		})
	}
}

func TestAuthzAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"yes", says(200, `{"allowed":true}`), "yes"},
		{"yes without a word", says(204, ""), "yes"},
		{"no", says(200, `{"allowed":false}`), "no"},
		{"forbidden", says(403, ""), "no"},
		{"unauthorised", says(401, ""), "no"},
		{"no such event", says(404, ""), "no"},
		{"an empty page", says(200, ""), "error"},
		{"a page", says(200, "<html>"), "error"},
		{"allowed is text", says(200, `{"allowed":"true"}`), "error"},
		{"allowed is null", says(200, `{"allowed":null}`), "error"},
		{"no word of it", says(200, `{"id":"ada"}`), "error"},
		{"a redirect", toLogin, "error"},
		{"an error", says(500, `{"allowed":true}`), "error"},
		{"ten megabytes", says(200, `{"allowed":true,"x":"`+strings.Repeat("x", 10<<20)+`"}`), "error"},
		{"nothing in time", hanging, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t, c.answer)
			g, _ := guard(t, func(o *Options) {
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
				t.Errorf("%v, %v, want %s", yes, err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), d.URL) {
				t.Errorf("error %q names the URL", err)
			}
		})
	}
}

// TestRequestsToThePlatform looks at the questions.
func TestRequestsToThePlatform(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	d := newDouble(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.RequestURI()+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Cookie"))
		mu.Unlock()
		says(200, `{"id":"ada & co","allowed":true}`)(w, r)
	})
	g, _ := guard(t, func(o *Options) {
		o.Mode, o.URL, o.Cookies, o.TokenCookie = ModeHTTP, d.URL+"/me", []string{"sid"}, ""
		o.Decide, o.DecideURL = []string{ByHTTP}, d.URL+"/may?app=1"
	})
	for _, r := range []*http.Request{
		asks("/live", "Authorization", "Basic YTpi", "Cookie", "tracker=1; sid=2", "X-Forwarded-For", "1.2.3.4"),
		asks("/live", "Sec-WebSocket-Protocol", "pitwall.v1, bearer.abc"),
		asks("/live?access_token=def"),
		asks("/live"),
		asks("/live", "Cookie", "tracker=1"),
	} {
		who, status := g.Authenticate(r)
		if status == 0 {
			if yes, err := authorize(t, g, who, "a/b"); !yes || err != nil {
				t.Errorf("authorise: %v, %v", yes, err)
			}
		} else if status != 401 {
			t.Errorf("status %d", status)
		}
	}
	want := "/me Basic YTpi sid=2|/may?app=1&event=a%2Fb&user=ada+%26+co  |/me Bearer abc |/me Bearer def "
	if got := strings.Join(seen, "|"); got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
}

func TestOneRequestPerCredential(t *testing.T) {
	release := make(chan struct{})
	d := newDouble(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		says(200, `{"id":"ada"}`)(w, r)
	})
	g, _ := guard(t, func(o *Options) { o.Mode, o.URL = ModeHTTP, d.URL })
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, status := g.Authenticate(asks("/live", "Authorization", "Bearer same")); status != 0 {
				t.Errorf("status %d", status)
			}
		})
	}
	eventually(t, "the question", func() bool { return d.asked.Load() == 1 })
	close(release)
	all.Wait()
	if n := d.asked.Load(); n != 1 {
		t.Errorf("asked %d times for 50 equal credentials", n)
	}
	if _, status := g.Authenticate(asks("/live", "Authorization", "Bearer other")); status != 0 || d.asked.Load() != 2 {
		t.Errorf("another credential: status %d, asked %d times", status, d.asked.Load())
	}
}

// TestRechecksDoNotWaitForOthers: while all connections of those who connect and of
// those who are in are taken, whether somebody may stay is asked and answered,
// also where somebody else has the same question under way.
func TestRechecksDoNotWaitForOthers(t *testing.T) {
	release := make(chan struct{})
	var taken atomic.Int64
	hold := func(w http.ResponseWriter, r *http.Request) {
		taken.Add(1)
		<-release
		says(403, "")(w, r)
	}
	d := newDouble(t, says(200, `{"id":"ada"}`))
	may := newDouble(t, hold)
	g, _ := guard(t, func(o *Options) {
		o.Mode, o.URL, o.Decide, o.DecideURL, o.Cache = ModeHTTP, d.URL, []string{ByHTTP}, may.URL, 0
	})
	who, status := g.Authenticate(asks("/live", "Authorization", "Bearer ada"))
	if status != 0 {
		t.Fatalf("status %d", status)
	}
	d.say(hold)
	var all sync.WaitGroup
	const conns = 64
	for k := range conns {
		token, event := "ada", "e" // as below
		if k > 0 {
			token, event = fmt.Sprintf("bob%d", k), fmt.Sprintf("e%d", k)
		}
		all.Go(func() { g.Authenticate(asks("/live", "Authorization", "Bearer "+token)) })
		all.Go(func() { _, _ = g.Ask(t.Context(), who, event, false) })
	}
	eventually(t, "all connections to be taken", func() bool { return taken.Load() == 2*conns })
	d.say(says(401, ""))
	may.say(says(403, ""))
	if now, err := g.Confirm(t.Context(), who); now != nil || err != nil {
		t.Errorf("the session: %v, %v, want a no", now, err)
	}
	if yes, err := g.Ask(t.Context(), who, "e", true); yes || err != nil {
		t.Errorf("the event: %v, %v, want a no", yes, err)
	}
	close(release)
	all.Wait()
}

// TestRechecksGetADatabaseConnection although clients ask more than there
// are.
func TestRechecksGetADatabaseConnection(t *testing.T) {
	d := &slowly{begun: make(chan struct{}, 100), release: make(chan struct{})}
	g, _ := guard(t, func(o *Options) {
		d.Store, o.Store, o.Sessions, o.Decide, o.Cache = o.Store, d, 4, []string{BySQL}, 0
	})
	d.slow.Store(true)
	ada := &Identity{user: "ada"}
	var all sync.WaitGroup
	for k := range 20 {
		all.Go(func() { _, _ = g.Ask(t.Context(), ada, fmt.Sprintf("e%d", k), false) })
	}
	<-d.begun
	<-d.begun
	if _, err := g.Ask(t.Context(), ada, "e", true); err != nil {
		t.Errorf("somebody who watches: %v", err)
	}
	d.slow.Store(false)
	close(d.release)
	all.Wait()
	if n := d.most.Load(); n > 3 {
		t.Errorf("%d questions were under way at once, want 2 of clients and 1 of a review", n)
	}
}

// slowly is a Store that answers questions about all events but e when it may.
type slowly struct {
	Store
	begun, release chan struct{}
	slow           atomic.Bool
	now, most      atomic.Int64
}

func (s *slowly) MayWatch(ctx context.Context, query, user, event string) (bool, error) {
	if s.slow.Load() {
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

func TestAnswersAreKeptForAMoment(t *testing.T) {
	d := newDouble(t, says(500, ""))
	g, _ := guard(t, func(o *Options) { o.Mode, o.URL = ModeHTTP, d.URL })
	enter := func(want int, asked int64) {
		t.Helper()
		before := d.asked.Load()
		if _, status := g.Authenticate(asks("/live", "Authorization", "Bearer x")); status != want || d.asked.Load()-before != asked {
			t.Errorf("status %d after %d questions, want %d after %d", status, d.asked.Load()-before, want, asked)
		}
	}
	enter(503, 1)
	enter(503, 1) // an error is not kept
	d.say(says(200, `{"id":"ada"}`))
	enter(0, 1)
	d.say(says(401, ""))
	enter(0, 0)
	g.identities.flush()
	enter(401, 1)
	enter(401, 0)
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache[bool](t.Context(), time.Second)
	c.maxEntries = 100
	keep := func(context time.Duration, n int) {
		for i := range n {
			c.put(c.key("x", string(rune(i))), true, 0, time.Now(), context)
		}
	}
	keep(-time.Second, 100)
	keep(time.Hour, 1000)
	if n := len(c.entries); n > 100 || n < 80 {
		t.Errorf("%d answers kept, want 100 at most, and not many fewer", n)
	}
	if c.key("a", "bc") == c.key("ab", "c") {
		t.Error("the parts of a key run together")
	}
	if newCache[bool](t.Context(), 0).key("a") == c.key("a") {
		t.Error("keys do not depend on the secret")
	}
	c.flush()
	c.put(c.key("late"), true, 0, time.Now(), time.Hour)
	if len(c.entries) != 0 {
		t.Error("the answer to a question from before the flush is kept")
	}
}

func TestErrorNamesTheSetting(t *testing.T) {
	d := newDouble(t, says(500, ""))
	g, _ := guard(t, func(o *Options) { o.Mode, o.URL = ModeHTTP, d.URL })
	_, err := g.auth.authenticate(t.Context(), g.clients.connect, credential{token: "x"})
	if err == nil || errors.Is(err, errRefused) || !strings.Contains(err.Error(), "AUTH_URL") {
		t.Errorf("error %v, want one of AUTH_URL that is no refusal", err)
	}
}
