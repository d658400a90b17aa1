package access

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// authorize decides, and asks where that is needed.
func authorize(t *testing.T, g *Guard, who any, event string) (allowed bool, err error) {
	t.Helper()
	allowed, key, err := g.Decide(who, event)
	if key != "" {
		return g.Ask(t.Context(), who, event, false)
	}
	return allowed, err
}

// allowed asks and reports an error.
func allowed(t *testing.T, g *Guard, who any, event string) bool {
	t.Helper()
	yes, err := authorize(t, g, who, event)
	if err != nil {
		t.Errorf("%s: %v", event, err)
	}
	return yes
}

func TestDecisionsCombine(t *testing.T) {
	d := newDouble(t, func(w http.ResponseWriter, r *http.Request) {
		says(200, `{"allowed":`+map[bool]string{true: "true", false: "false"}[r.URL.Query().Get("event") == "asked"]+`}`)(w, r)
	})
	ada := &Identity{user: "ada", events: grants{"named"}}
	for _, c := range []struct {
		decide string
		who    *Identity
		want   string // events that may be watched
	}{
		{"", ada, "open named joined asked other"},
		{"public", ada, "open"},
		{"claims", ada, "named"},
		{"sql", ada, "joined"},
		{"http", ada, "asked"},
		{"public claims sql http", ada, "open named joined asked"},
		{"public sql http", &Identity{}, "open"},
		{"claims sql http", &Identity{user: "link:1", event: "other", events: grants{"*"}}, "open named joined asked other"},
		{"sql http", &Identity{user: "link:1", event: "other"}, "other"},
		{"claims", &Identity{user: "ada", events: grants{"*"}, expires: time.Now().Add(-time.Second)}, ""},
	} {
		t.Run(c.decide, func(t *testing.T) {
			g, store := guard(t, func(o *Options) { o.Decide, o.DecideURL = strings.Fields(c.decide), d.URL })
			store.write(t, "ada", "joined", "open")
			if _, err := g.lists.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, event := range []string{"open", "named", "joined", "asked", "other"} {
				if got, want := allowed(t, g, c.who, event), strings.Contains(" "+c.want+" ", " "+event+" "); got != want {
					t.Errorf("%s: %v, want %v", event, got, want)
				}
			}
		})
	}
}

// TestErrorIsNeverAYes: an error is never a yes, and a yes of another is enough.
func TestErrorIsNeverAYes(t *testing.T) {
	d := newDouble(t, says(500, ""))
	g, _ := guard(t, func(o *Options) { o.Decide, o.DecideURL = []string{ByHTTP, ByClaims}, d.URL })
	ada := &Identity{user: "ada", events: grants{"named"}}
	if !allowed(t, g, ada, "named") {
		t.Error("the token's own event is refused")
	}
	if yes, err := authorize(t, g, ada, "other"); yes || err == nil {
		t.Errorf("%v, %v, want an error", yes, err)
	}
	if yes, err := authorize(t, g, "somebody", "named"); yes || err != nil {
		t.Errorf("a stranger: %v, %v", yes, err)
	}
}

func TestPublicEventsGoStale(t *testing.T) {
	g, store := guard(t, func(o *Options) { o.Decide, o.Grace = []string{ByPublic}, time.Hour })
	store.write(t, "x", "x", "open")
	if _, err := g.lists.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !allowed(t, g, &Identity{}, "open") || !g.MayList("open") || g.MayList("shut") {
		t.Error("fresh lists: want open to be public, and nothing else")
	}
	g.lists.readAt = time.Now().Add(-2 * time.Hour)
	if yes, err := authorize(t, g, &Identity{}, "open"); yes || err == nil {
		t.Errorf("stale lists: %v, %v, want an error", yes, err)
	}
	if g.MayList("open") {
		t.Error("stale lists: an event that nobody can watch is named to strangers")
	}
}

// TestStaleListsAreReported to those who keep a list of what may be named, and so is
// their end.
func TestStaleListsAreReported(t *testing.T) {
	var listed atomic.Bool
	var d *away
	var g *Guard
	g, store := guard(t, func(o *Options) {
		d = &away{Store: o.Store}
		o.Decide, o.Grace, o.Store = []string{ByPublic}, shortTimeout, d
		o.Changed = func() { listed.Store(g.MayList("open")) }
	})
	store.write(t, "x", "x", "open")
	run(t, g)
	eventually(t, "the event to be listed", listed.Load)
	d.gone.Store(true)
	eventually(t, "the event to be listed no more", func() bool { return !listed.Load() })
	d.gone.Store(false)
	eventually(t, "the event to be listed again", listed.Load)
}

// away is a Store that cannot be read at times.
type away struct {
	Store
	gone atomic.Bool
}

func (a *away) PublicEvents(ctx context.Context) ([]string, error) {
	if a.gone.Load() {
		return nil, errors.New("away")
	}
	return a.Store.PublicEvents(ctx)
}

// TestDelayedEventsAreClosed to the public, wherever it is let in: nobody can hold
// positions back yet. Who is named by a token or the database is not the public.
func TestDelayedEventsAreClosed(t *testing.T) {
	var log strings.Builder
	link := &Identity{user: "link:1", event: "late"}
	for _, c := range []struct {
		name, mode string
		decide     []string
		who        *Identity
		want, list bool
	}{
		{"everybody may watch everything", ModeNone, nil, &Identity{}, false, false},
		{"a public event", ModeNone, []string{ByPublic}, &Identity{}, false, false},
		{"a public event, and somebody known", ModeJWT, []string{ByPublic}, &Identity{user: "ada"}, false, false},
		{"a share link", ModeJWT, []string{ByClaims}, link, false, false},
		{"a share link, and a public event", ModeJWT, []string{ByPublic}, link, false, false},
		{"named in a token", ModeJWT, []string{ByPublic, ByClaims}, &Identity{user: "ada", events: grants{"*"}}, true, false},
		{"a member", ModeJWT, []string{ByPublic, BySQL}, &Identity{user: "bob"}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			log.Reset()
			g, store := guard(t, func(o *Options) {
				o.Mode, o.Decide, o.Logger = c.mode, c.decide, slog.New(slog.NewTextHandler(&log, nil))
			})
			store.write(t, "bob", "late", "late")
			look := func(want bool) {
				t.Helper()
				if _, err := g.refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				g.decisions.flush()
				if got := allowed(t, g, c.who, "late"); got != want {
					t.Errorf("may watch: %t, want %t", got, want)
				}
			}
			before := c.want || len(c.decide) == 0 || c.decide[0] == ByPublic || c.who.event != ""
			look(before)
			if _, err := store.file.ExecContext(t.Context(), "UPDATE pitwall_events SET delay_s = 1"); err != nil {
				t.Fatal(err)
			}
			look(c.want)
			if g.MayList("late") != c.list {
				t.Error("it is listed")
			}
			if n := strings.Count(log.String(), "delay_s"); n != 1 || !strings.Contains(log.String(), "late") {
				t.Errorf("told %d times: %s", n, log.String())
			}
			if _, err := store.file.ExecContext(t.Context(), "UPDATE pitwall_events SET delay_s = 0"); err != nil {
				t.Fatal(err)
			}
			look(before)
		})
	}
}

// TestRevocationIsNotified has a token revoked while the Guard runs.
func TestRevocationIsNotified(t *testing.T) {
	var changed atomic.Int64
	g, store := guard(t, func(o *Options) { o.Changed = func() { changed.Add(1) }; o.Refresh = time.Hour })
	run(t, g)
	eventually(t, "the first look", func() bool { return changed.Load() > 0 })
	token := sign(t, jose.HS256, secret, "", good("jti", "t1", "events", []string{"rally"}))
	who, status := g.Authenticate(asks("/live", "Authorization", "Bearer "+token))
	if status != 0 || !allowed(t, g, who, "rally") {
		t.Fatalf("status %d", status)
	}
	before := changed.Load()
	if err := store.Revoke(t.Context(), "t1", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "word of the revocation", func() bool { return changed.Load() > before })
	if still, err := g.Confirm(t.Context(), who); still != nil || err != nil {
		t.Errorf("confirmed: %v, %v", still, err)
	}
	if allowed(t, g, who, "rally") {
		t.Error("a revoked token may watch")
	}
	if _, status := g.Authenticate(asks("/live", "Authorization", "Bearer "+token)); status != 401 {
		t.Errorf("again: status %d, want 401", status)
	}
}

// TestChangesAreSeenWithoutNotifications: another process writes the file.
func TestChangesAreSeenWithoutNotifications(t *testing.T) {
	var changed atomic.Int64
	g, store := guard(t, func(o *Options) { o.Changed = func() { changed.Add(1) }; o.Decide = []string{ByPublic} })
	run(t, g)
	eventually(t, "the first look", func() bool { return changed.Load() > 0 })
	store.write(t, "x", "x", "open")
	eventually(t, "the public event", func() bool { return g.MayList("open") && changed.Load() > 1 })
}

func TestRenewal(t *testing.T) {
	g, _ := guard(t, func(o *Options) { o.LinkSecret = secret; o.Slots = nil })
	token := func(more ...any) string { return sign(t, jose.HS256, secret, "", good(more...)) }
	soon := time.Now().Add(30 * time.Second).Unix()
	who, status := g.Authenticate(asks("/live?access_token=" + token("exp", soon)))
	if status != 0 {
		t.Fatalf("status %d", status)
	}
	now, err := g.Renew(t.Context(), who, token("events", []string{"rally"}))
	if err != nil || now == nil || !g.Deadline(now).After(g.Deadline(who)) || !allowed(t, g, now, "rally") {
		t.Fatalf("renewed to %+v, %v", now, err)
	}
	link := &Link{Event: "rally", Expires: time.Now().Add(time.Hour)}
	linkToken, err := link.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"another user's":   token("sub", "eve"),
		"an expired one":   token("exp", time.Now().Add(-time.Hour).Unix()),
		"a link's":         linkToken,
		"none":             "x",
		"one that is huge": strings.Repeat("x", maxToken+1),
	} {
		if now, err := g.Renew(t.Context(), who, bad); now != nil || err != nil {
			t.Errorf("%s: renewed to %+v, %v", name, now, err)
		}
	}
	if g.Deadline(nil) != (time.Time{}) {
		t.Error("strangers have a deadline")
	}
}

// TestPlatformIsAskedAgain confirms sessions of AUTH_MODE=http.
func TestPlatformIsAskedAgain(t *testing.T) {
	d := newDouble(t, says(200, `{"id":"ada","events":["rally"]}`))
	g, _ := guard(t, func(o *Options) { o.Mode, o.URL, o.Cache = ModeHTTP, d.URL, 0 })
	who, status := g.Authenticate(asks("/live", "Authorization", "Bearer x"))
	if status != 0 || !allowed(t, g, who, "rally") {
		t.Fatalf("status %d", status)
	}
	d.say(says(200, `{"id":"ada","events":["tour"]}`))
	now, err := g.Confirm(t.Context(), who)
	if err != nil || now == nil || allowed(t, g, now, "rally") || !allowed(t, g, now, "tour") {
		t.Errorf("with other events: %+v, %v", now, err)
	}
	d.say(says(500, ""))
	if now, err := g.Confirm(t.Context(), who); now != nil || err == nil {
		t.Errorf("in an outage: %v, %v, want an error", now, err)
	}
	for _, no := range []http.HandlerFunc{says(401, ""), says(200, `{"id":"eve"}`)} {
		d.say(no)
		if now, err := g.Confirm(t.Context(), who); now != nil || err != nil {
			t.Errorf("after a no: %v, %v", now, err)
		}
	}
}

func TestModeNoneAdmitsEverybody(t *testing.T) {
	g, _ := guard(t, func(o *Options) { o.Mode, o.Decide = ModeNone, []string{ByPublic} })
	if who, status := g.Authenticate(asks("/live")); status != 0 || who == nil {
		t.Errorf("status %d", status)
	}
}

func TestWrongSettings(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*Options)
	}{
		{"AUTH_MODE", func(o *Options) { o.Mode = "magic" }},
		{"AUTH_URL", func(o *Options) { o.Mode = ModeHTTP }},
		{"JWKS_URL", func(o *Options) { o.JWT.KeySetURL = "http://id.example/jwks" }},
		{"AUTHZ_URL", func(o *Options) { o.Decide = []string{ByHTTP}; o.DecideURL = "ftp://x" }},
		{"LINK_SECRET", func(o *Options) { o.LinkSecret = []byte("short") }},
	} {
		g, _ := guard(t, func(*Options) {})
		o := g.o
		c.change(&o)
		o.Metrics.UnregisterAllMetrics()
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want an error that names %s", err, c.want)
		}
	}
	g, _ := guard(t, func(*Options) {})
	for _, query := range []string{"SELECT 1 FROM nowhere", "SELECT 'false'", "SELECT user_id FROM pitwall_members WHERE user_id = $1"} {
		g.o.Decide, g.o.SQL = []string{BySQL}, query
		if err := g.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "AUTHZ_SQL") {
			t.Errorf("%s: %v, want an error that names AUTHZ_SQL", query, err)
		}
	}
}

func TestLinks(t *testing.T) {
	client, err := redis.Open(context.Background(), redis.Options{URL: testenv.Redis(t).URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	with := func(o *Options) { o.LinkSecret, o.Slots = secret, client }
	north, _ := guard(t, with)
	south, _ := guard(t, with)
	run(t, north)
	run(t, south)
	link := &Link{Event: "rally", Expires: time.Now().Add(time.Hour), MaxConnections: 2}
	token, err := link.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := asks("/live", "Sec-WebSocket-Protocol", "pitwall.v1, bearer."+token)
	one, status := north.Authenticate(r)
	if status != 0 || !allowed(t, north, one, "rally") || allowed(t, north, one, "tour") {
		t.Fatalf("status %d, want in, for the one event", status)
	}
	two, status := south.Authenticate(r)
	if status != 0 {
		t.Fatalf("the second: status %d", status)
	}
	if _, status := north.Authenticate(r); status != http.StatusTooManyRequests {
		t.Errorf("the third: status %d, want 429", status)
	}
	renewed, err := south.Renew(t.Context(), two, token)
	if err != nil || renewed == nil {
		t.Fatalf("renew: %v, %v", renewed, err)
	}
	south.Disconnected(renewed)
	eventually(t, "the place to be free", func() bool {
		_, status := north.Authenticate(r)
		return status == 0
	})
	for name, bad := range map[string]func() string{
		"another secret's": func() string {
			return must((&Link{Event: "rally", Expires: time.Now().Add(time.Hour)}).Sign([]byte(strings.Repeat("x", 32))))
		},
		"the platform's tokens": func() string { return sign(t, jose.HS256, secret, linkKeyID, good("event", "rally", "jti", "x")) },
	} {
		if _, status := north.Authenticate(asks("/live?access_token=" + bad())); status != 401 {
			t.Errorf("%s: status %d, want 401", name, status)
		}
	}
}

func TestLinksThatCannotBe(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	for name, l := range map[string]*Link{
		"no event": {Expires: hour}, "no time": {Event: "e"}, "a negative number": {Event: "e", Expires: hour, MaxConnections: -1},
	} {
		if _, err := l.Sign(secret); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := (&Link{Event: "e", Expires: hour}).Sign(secret[:31]); err == nil {
		t.Error("a short secret: signed")
	}
}
