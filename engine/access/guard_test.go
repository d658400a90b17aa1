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

// authorize calls Decide, and Ask if Decide leaves it open.
func authorize(t *testing.T, g *Guard, who any, event string) (allowed bool, err error) {
	t.Helper()
	allowed, key, err := g.Decide(who, event)
	if key != "" {
		return g.Ask(t.Context(), who, event, false)
	}
	return allowed, err
}

// mayWatch is authorize for cases in which an error fails the test.
func mayWatch(t *testing.T, g *Guard, who any, event string) bool {
	t.Helper()
	yes, err := authorize(t, g, who, event)
	if err != nil {
		t.Errorf("authorize %s: %v", event, err)
	}
	return yes
}

// An event may be watched if any of the configured ways allows it.
func TestDecisionsCombine(t *testing.T) {
	d := newStubServer(t, func(w http.ResponseWriter, r *http.Request) {
		response(200, `{"allowed":`+map[bool]string{true: "true", false: "false"}[r.URL.Query().Get("event") == "asked"]+`}`)(w, r)
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
			g, store := newGuard(t, func(o *Options) { o.Decide, o.DecideURL = strings.Fields(c.decide), d.URL })
			store.add(t, "ada", "joined", "open")
			if _, err := g.lists.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, event := range []string{"open", "named", "joined", "asked", "other"} {
				if got, want := mayWatch(t, g, c.who, event), strings.Contains(" "+c.want+" ", " "+event+" "); got != want {
					t.Errorf("may watch %s: %v, want %v", event, got, want)
				}
			}
		})
	}
}

// An error of one way to decide allows nothing. If another way allows the event, that
// is enough.
func TestErrorAllowsNothing(t *testing.T) {
	d := newStubServer(t, response(500, ""))
	g, _ := newGuard(t, func(o *Options) { o.Decide, o.DecideURL = []string{ByHTTP, ByClaims}, d.URL })
	ada := &Identity{user: "ada", events: grants{"named"}}
	if !mayWatch(t, g, ada, "named") {
		t.Error("the event of the token is refused, want it allowed")
	}
	if yes, err := authorize(t, g, ada, "other"); yes || err == nil {
		t.Errorf("got %v, %v; want false and an error", yes, err)
	}
	if yes, err := authorize(t, g, "somebody", "named"); yes || err != nil {
		t.Errorf("an unknown client: got %v, %v; want false and no error", yes, err)
	}
}

// A list of public events that is older than the grace is not used.
func TestPublicEventsGoStale(t *testing.T) {
	g, store := newGuard(t, func(o *Options) { o.Decide, o.Grace = []string{ByPublic}, time.Hour })
	store.add(t, "x", "x", "open")
	if _, err := g.lists.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !mayWatch(t, g, &Identity{}, "open") || !g.MayList("open") || g.MayList("shut") {
		t.Error("with fresh lists, open is not public, or another event is")
	}
	g.lists.set.readAt = time.Now().Add(-2 * time.Hour)
	if yes, err := authorize(t, g, &Identity{}, "open"); yes || err == nil {
		t.Errorf("with stale lists: got %v, %v; want false and an error", yes, err)
	}
	if g.MayList("open") {
		t.Error("with stale lists, an event that nobody can watch is listed")
	}
}

// Changed is called when the lists become stale, and when they are fresh again.
func TestStaleListsAreReported(t *testing.T) {
	var listed atomic.Bool
	var failing *failingStore
	var g *Guard
	g, store := newGuard(t, func(o *Options) {
		failing = &failingStore{Store: o.Store}
		o.Decide, o.Grace, o.Store = []string{ByPublic}, shortTimeout, failing
		o.Changed = func() { listed.Store(g.MayList("open")) }
	})
	store.add(t, "x", "x", "open")
	runGuard(t, g)
	eventually(t, "the event to be listed", listed.Load)
	failing.on.Store(true)
	eventually(t, "the event to be listed no more", func() bool { return !listed.Load() })
	failing.on.Store(false)
	eventually(t, "the event to be listed again", listed.Load)
}

// failingStore is a Store that cannot be read while on is set.
type failingStore struct {
	Store
	on atomic.Bool
}

func (f *failingStore) PublicEvents(ctx context.Context) ([]string, error) {
	if f.on.Load() {
		return nil, errors.New("the store fails")
	}
	return f.Store.PublicEvents(ctx)
}

// Events with a delay are closed to the public, however it would be let in, since
// positions cannot be delayed yet. Clients named by a token or the database may watch.
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
		{"a public event, and a known user", ModeJWT, []string{ByPublic}, &Identity{user: "ada"}, false, false},
		{"a share link", ModeJWT, []string{ByClaims}, link, false, false},
		{"a share link, and a public event", ModeJWT, []string{ByPublic}, link, false, false},
		{"named in a token", ModeJWT, []string{ByPublic, ByClaims}, &Identity{user: "ada", events: grants{"*"}}, true, false},
		{"a member", ModeJWT, []string{ByPublic, BySQL}, &Identity{user: "bob"}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			log.Reset()
			g, store := newGuard(t, func(o *Options) {
				o.Mode, o.Decide, o.Logger = c.mode, c.decide, slog.New(slog.NewTextHandler(&log, nil))
			})
			store.add(t, "bob", "late", "late")
			check := func(want bool) {
				t.Helper()
				if _, err := g.refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				g.decisions.flush()
				if got := mayWatch(t, g, c.who, "late"); got != want {
					t.Errorf("may watch: %t, want %t", got, want)
				}
			}
			before := c.want || len(c.decide) == 0 || c.decide[0] == ByPublic || c.who.event != ""
			check(before)
			if _, err := store.file.ExecContext(t.Context(), "UPDATE pitwall_events SET delay_s = 1"); err != nil {
				t.Fatal(err)
			}
			check(c.want)
			if g.MayList("late") != c.list {
				t.Errorf("listed: %v, want %v", !c.list, c.list)
			}
			if n := strings.Count(log.String(), "delay_s"); n != 1 || !strings.Contains(log.String(), "late") {
				t.Errorf("logged %d times, want once with the event: %s", n, log.String())
			}
			if _, err := store.file.ExecContext(t.Context(), "UPDATE pitwall_events SET delay_s = 0"); err != nil {
				t.Fatal(err)
			}
			check(before)
		})
	}
}

// A token that is revoked while the Guard runs is refused at once.
func TestRevocationIsNotified(t *testing.T) {
	var changed atomic.Int64
	g, store := newGuard(t, func(o *Options) { o.Changed = func() { changed.Add(1) }; o.Refresh = time.Hour })
	runGuard(t, g)
	eventually(t, "the first call of Changed", func() bool { return changed.Load() > 0 })
	token := validToken(t, "jti", "t1", "events", []string{"rally"})
	who, status := g.Authenticate(bearerRequest(token))
	if status != 0 || !mayWatch(t, g, who, "rally") {
		t.Fatalf("status %d, want 0 and access to rally", status)
	}
	before := changed.Load()
	if err := store.Revoke(t.Context(), "t1", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a call of Changed", func() bool { return changed.Load() > before })
	if still, err := g.Confirm(t.Context(), who); still != nil || err != nil {
		t.Errorf("confirm: got %v, %v; want nil and no error", still, err)
	}
	if mayWatch(t, g, who, "rally") {
		t.Error("a revoked token may watch")
	}
	if _, status := g.Authenticate(bearerRequest(token)); status != 401 {
		t.Errorf("connect again: status %d, want 401", status)
	}
}

// Changes that another process writes into the file are seen without a notification.
func TestChangesAreSeenWithoutNotifications(t *testing.T) {
	var changed atomic.Int64
	g, store := newGuard(t, func(o *Options) { o.Changed = func() { changed.Add(1) }; o.Decide = []string{ByPublic} })
	runGuard(t, g)
	eventually(t, "the first call of Changed", func() bool { return changed.Load() > 0 })
	store.add(t, "x", "x", "open")
	eventually(t, "the public event", func() bool { return g.MayList("open") && changed.Load() > 1 })
}

// A session may be renewed with a valid token of its user, and with no other.
func TestRenewal(t *testing.T) {
	g, _ := newGuard(t, func(o *Options) { o.LinkSecret = secret; o.Slots = nil })
	token := func(more ...any) string { return validToken(t, more...) }
	soon := time.Now().Add(30 * time.Second).Unix()
	who, status := g.Authenticate(newRequest("/live?access_token=" + token("exp", soon)))
	if status != 0 {
		t.Fatalf("status %d, want 0 and access to rally", status)
	}
	now, err := g.Renew(t.Context(), who, token("events", []string{"rally"}))
	if err != nil || now == nil || !g.Deadline(now).After(g.Deadline(who)) || !mayWatch(t, g, now, "rally") {
		t.Fatalf("renewed to %+v, %v; want a later deadline, and rally allowed", now, err)
	}
	link := &Link{Event: "rally", Expires: time.Now().Add(time.Hour)}
	linkToken, err := link.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"another user's": token("sub", "eve"),
		"an expired one": token("exp", time.Now().Add(-time.Hour).Unix()),
		"a link's":       linkToken,
		"not a token":    "x",
		"a huge one":     strings.Repeat("x", maxToken+1),
	} {
		if now, err := g.Renew(t.Context(), who, bad); now != nil || err != nil {
			t.Errorf("%s: renewed to %+v, %v; want nil and no error", name, now, err)
		}
	}
	if g.Deadline(nil) != (time.Time{}) {
		t.Error("a client without identity has a deadline")
	}
}

// With AUTH_MODE=http, Confirm asks the platform again.
func TestPlatformIsAskedAgain(t *testing.T) {
	g, d := newPlatformGuard(t, response(200, `{"id":"ada","events":["rally"]}`), noCache)
	who, status := g.Authenticate(bearerRequest("x"))
	if status != 0 || !mayWatch(t, g, who, "rally") {
		t.Fatalf("status %d, want 0 and access to rally", status)
	}
	d.respond(response(200, `{"id":"ada","events":["tour"]}`))
	now, err := g.Confirm(t.Context(), who)
	if err != nil || now == nil || mayWatch(t, g, now, "rally") || !mayWatch(t, g, now, "tour") {
		t.Errorf("with other events: got %+v, %v; want tour allowed and not rally", now, err)
	}
	d.respond(response(500, ""))
	if now, err := g.Confirm(t.Context(), who); now != nil || err == nil {
		t.Errorf("in an outage: got %v, %v; want nil and an error", now, err)
	}
	for _, no := range []http.HandlerFunc{response(401, ""), response(200, `{"id":"eve"}`)} {
		d.respond(no)
		if now, err := g.Confirm(t.Context(), who); now != nil || err != nil {
			t.Errorf("after a refusal: got %v, %v; want nil and no error", now, err)
		}
	}
}

func TestModeNoneAdmitsEverybody(t *testing.T) {
	g, _ := newGuard(t, func(o *Options) { o.Mode, o.Decide = ModeNone, []string{ByPublic} })
	if who, status := g.Authenticate(newRequest("/live")); status != 0 || who == nil {
		t.Errorf("got identity %v, status %d; want one and 0", who, status)
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
		g, _ := newGuard(t, func(*Options) {})
		o := g.o
		c.change(&o)
		o.Metrics.UnregisterAllMetrics()
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got error %v, want one that names %s", err, c.want)
		}
	}
	g, _ := newGuard(t, func(*Options) {})
	for _, query := range []string{"SELECT 1 FROM nowhere", "SELECT 'false'", "SELECT user_id FROM pitwall_members WHERE user_id = $1"} {
		g.o.Decide, g.o.SQL = []string{BySQL}, query
		if err := g.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "AUTHZ_SQL") {
			t.Errorf("%s: got error %v, want one that names AUTHZ_SQL", query, err)
		}
	}
}

// Share links let in as many connections as they say, on all instances together, to
// their own event.
func TestLinks(t *testing.T) {
	client, err := redis.Open(context.Background(), redis.Options{URL: testenv.Redis(t).URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	with := func(o *Options) { o.LinkSecret, o.Slots = secret, client }
	north, _ := newGuard(t, with)
	south, _ := newGuard(t, with)
	runGuard(t, north)
	runGuard(t, south)
	link := &Link{Event: "rally", Expires: time.Now().Add(time.Hour), MaxConnections: 2}
	token, err := link.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := newRequest("/live", "Sec-WebSocket-Protocol", "pitwall.v1, bearer."+token)
	one, status := north.Authenticate(r)
	if status != 0 || !mayWatch(t, north, one, "rally") || mayWatch(t, north, one, "tour") {
		t.Fatalf("the first connection: status %d, want 0 and access to rally alone", status)
	}
	two, status := south.Authenticate(r)
	if status != 0 {
		t.Fatalf("the second connection: status %d, want 0", status)
	}
	if _, status := north.Authenticate(r); status != http.StatusTooManyRequests {
		t.Errorf("the third connection: status %d, want 429", status)
	}
	renewed, err := south.Renew(t.Context(), two, token)
	if err != nil || renewed == nil {
		t.Fatalf("renew: got %v, %v; want an identity and no error", renewed, err)
	}
	south.Disconnected(renewed)
	eventually(t, "a free connection slot", func() bool {
		_, status := north.Authenticate(r)
		return status == 0
	})
	for name, bad := range map[string]func() string{
		"another secret's": func() string {
			return must((&Link{Event: "rally", Expires: time.Now().Add(time.Hour)}).Sign([]byte(strings.Repeat("x", 32))))
		},
		"the platform's tokens": func() string {
			return sign(t, jose.HS256, secret, linkKeyID, validClaims("event", "rally", "jti", "x"))
		},
	} {
		if _, status := north.Authenticate(newRequest("/live?access_token=" + bad())); status != 401 {
			t.Errorf("%s: status %d, want 401", name, status)
		}
	}
}

// Links without an event or an end, and with a short secret, are not signed.
func TestInvalidLinksAreNotSigned(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	for name, l := range map[string]*Link{
		"no event": {Expires: hour}, "no end": {Event: "e"}, "a negative number": {Event: "e", Expires: hour, MaxConnections: -1},
	} {
		if _, err := l.Sign(secret); err == nil {
			t.Errorf("%s: signed, want an error", name)
		}
	}
	if _, err := (&Link{Event: "e", Expires: hour}).Sign(secret[:31]); err == nil {
		t.Error("a short secret: signed, want an error")
	}
}
