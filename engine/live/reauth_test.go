package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// person is the identity that fakeKeeper gives its clients.
type person struct {
	name     string
	deadline time.Time
}

// fakeKeeper is a Keeper and Access whose answers the test sets. The user of a
// connection is in its query.
type fakeKeeper struct {
	mu       sync.Mutex
	revoked  map[string]bool  // users who may not stay
	denied   map[string]bool  // events that nobody may watch
	errs     map[string]error // returned about a user or an event
	blocked  chan struct{}    // if not nil, Ask waits until it is closed
	lifetime time.Duration    // of new sessions; 0: no deadline

	disconnected map[string]int // calls of Disconnected, by user
	confirms     int            // calls of Confirm
	asks         map[string]int // calls of Ask, by user and event
}

func newFakeKeeper() *fakeKeeper {
	return &fakeKeeper{
		revoked: map[string]bool{}, denied: map[string]bool{}, errs: map[string]error{},
		disconnected: map[string]int{}, asks: map[string]int{},
	}
}

// set changes the answers, or looks at the counts.
func (k *fakeKeeper) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func (k *fakeKeeper) Authenticate(r *http.Request) (any, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := &person{name: r.URL.Query().Get("user")}
	if k.lifetime > 0 {
		p.deadline = time.Now().Add(k.lifetime)
	}
	return p, 0
}

func (k *fakeKeeper) Decide(identity any, event string) (allowed bool, key string, err error) {
	return false, identity.(*person).name + " " + event, nil
}

func (k *fakeKeeper) Ask(ctx context.Context, identity any, event string, _ bool) (bool, error) {
	k.mu.Lock()
	k.asks[identity.(*person).name+" "+event]++
	blocked := k.blocked
	k.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.denied[event], k.errs[event]
}

func (k *fakeKeeper) AllPublic() bool { return false }

func (k *fakeKeeper) Deadline(identity any) time.Time { return identity.(*person).deadline }

func (k *fakeKeeper) Confirm(_ context.Context, identity any) (any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.confirms++
	p := identity.(*person)
	if err := k.errs[p.name]; err != nil {
		return nil, err
	}
	if k.revoked[p.name] {
		return nil, nil
	}
	return p, nil
}

func (k *fakeKeeper) ConfirmKey(identity any) string { return "" }

func (k *fakeKeeper) Renew(_ context.Context, identity any, token string) (any, error) {
	if token == "broken" {
		return nil, errors.New("broken")
	}
	d, err := time.ParseDuration(token)
	if err != nil {
		return nil, nil
	}
	return &person{identity.(*person).name, time.Now().Add(d)}, nil
}

func (k *fakeKeeper) Disconnected(identity any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.disconnected[identity.(*person).name]++
}

// startWithKeeper starts a rig with a fakeKeeper and events e and f. Sessions are
// checked every minute.
func startWithKeeper(t *testing.T, grace time.Duration, change ...func(*setup)) (*rig, *fakeKeeper) {
	t.Helper()
	k := newFakeKeeper()
	r := start(t, map[string][]string{"e": {"a"}, "f": {"b"}}, append([]func(*setup){withKeeper(k, time.Minute, grace)}, change...)...)
	return r, k
}

// withKeeper has k decide about access. Sessions are checked at an interval.
func withKeeper(k interface {
	Access
	Keeper
}, every, grace time.Duration) func(*setup) {
	return func(su *setup) {
		su.live.Reauth = Reauth{Keeper: k, Tokens: true, Every: every, Grace: grace}
		su.access = k
	}
}

// awaitConfirms waits until the keeper was asked n times or more to confirm a
// session.
func (k *fakeKeeper) awaitConfirms(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d questions about sessions", n), func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.confirms >= n
	})
}

// A subscription ends when its event is denied. The others of the client go on, and
// it may subscribe again later.
func TestDenialEndsASubscription(t *testing.T) {
	r, k := startWithKeeper(t, time.Hour)
	ada, bob := r.watch("user=ada", "e", "f"), r.watch("user=bob", "f")
	k.set(func() { k.denied["e"] = true })
	r.srv.Recheck()
	ada.awaitError("e", "forbidden")
	r.publish("a")
	ts := r.publish("b")
	ada.awaitPosition("f", "b", ts)
	bob.awaitPosition("f", "b", ts)
	if ada.shownTS("e", "a") != 0 {
		t.Error("a position of e came after its end")
	}
	if n := r.srv.m.subscriptions.Get(); n != 2 {
		t.Errorf("%v subscriptions are counted, want 2", n)
	}
	k.set(func() { k.denied["e"] = false })
	ada.subscribe("e")
	ada.awaitPosition("e", "a", r.publish("a"))
}

// A session ends when its user is revoked. Others go on.
func TestDenialEndsASession(t *testing.T) {
	r, k := startWithKeeper(t, time.Hour)
	ada, bob := r.watch("user=ada", "e"), r.watch("user=bob", "e")
	k.set(func() { k.revoked["ada"] = true })
	r.srv.Recheck()
	ada.awaitClose(4401)
	bob.awaitPosition("e", "a", r.publish("a"))
	r.awaitConnections(1)
	k.set(func() {
		if k.disconnected["ada"] != 1 || k.disconnected["bob"] != 0 {
			t.Errorf("disconnected: %v, want ada once and not bob", k.disconnected)
		}
	})
}

// While a question cannot be answered, a session or subscription stays for the
// grace.
func TestGrace(t *testing.T) {
	for _, c := range []struct {
		name    string
		grace   time.Duration
		about   string // what the error is about
		session bool   // ends
		topic   bool   // ends
	}{
		{"about the session, within the grace", time.Hour, "ada", false, false},
		{"about the session, without a grace", 0, "ada", true, false},
		{"about the event, within the grace", time.Hour, "e", false, false},
		{"about the event, without a grace", 0, "e", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, k := startWithKeeper(t, c.grace)
			ada := r.watch("user=ada", "e")
			k.set(func() { k.errs[c.about] = errors.New("away"); k.confirms = 0 })
			r.srv.Recheck()
			switch {
			case c.session:
				ada.awaitClose(4401)
				return
			case c.topic:
				ada.awaitError("e", "internal")
				return
			}
			k.awaitConfirms(t, 1)
			ada.awaitAnswer(ada.request("ping", ""))
			ada.awaitPosition("e", "a", r.publish("a"))
		})
	}
}

// A session is closed at its deadline, unless it was renewed before.
func TestSessionsExpireUnlessRenewed(t *testing.T) {
	t.Parallel()
	r, k := startWithKeeper(t, time.Hour)
	// Long enough to renew the session on a busy machine, too.
	const lifetime = 3 * time.Second
	k.set(func() { k.lifetime = lifetime })
	bob := r.watch("user=bob")
	end := time.Now().Add(lifetime)
	id := bob.request("auth", `,"token":"1h"`)
	if f := bob.awaitAnswer(id); f.Type != "authenticated" {
		t.Fatalf("the renewal was answered with %+v, want authenticated", f)
	}
	for token, code := range map[string]string{"no": "forbidden", "broken": "internal"} {
		if f := bob.awaitAnswer(bob.request("auth", `,"token":"`+token+`"`)); f.Type != "error" || f.Code != code {
			t.Errorf("token %q was answered with %+v, want code %s", token, f, code)
		}
	}
	r.watch("user=ada").awaitClose(4401)
	eventually(t, "the first deadline of the renewed session", func() bool { return time.Now().After(end) })
	r.awaitConnections(1)
	bob.subscribe("e")
	bob.awaitPosition("e", "a", r.publish("a"))
}

// While more requests wait for an access decision than are asked about at a time,
// other clients are served. A client may leave without its answer.
func TestBlockedDecisionsDelayNobodyElse(t *testing.T) {
	r, k := startWithKeeper(t, time.Hour)
	ada := r.watch("user=ada", "e")
	blocked := make(chan struct{})
	k.set(func() { k.blocked = blocked })
	var waiting []*rawClient
	for i := range maxRequestAuth + 20 {
		w := r.dial(handshakeWith(fmt.Sprintf("user=eve%d", i)))
		w.awaitUpgrade()
		w.awaitWelcome()
		w.send(text(`{"type":"subscribe","id":"1","topic":"event:e"}`))
		waiting = append(waiting, w)
	}
	eventually(t, "the requests to be asked about", func() bool {
		a := r.srv.requestAuth
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.running == maxRequestAuth && a.waiting() == 20
	})
	if f := ada.awaitAnswer(ada.request("ping", "")); f.Type != "pong" {
		t.Errorf("ping was answered with %+v, want pong", f)
	}
	ada.awaitPosition("e", "a", r.publish("a"))
	for _, w := range waiting[:maxRequestAuth] {
		_ = w.conn.Close()
	}
	r.awaitConnections(21)
	close(blocked)
	waiting[maxRequestAuth].awaitText(`"type":"subscribed"`)
}

// Sessions are checked again at the interval.
func TestSessionsAreRechecked(t *testing.T) {
	r, k := startWithKeeper(t, time.Hour, func(su *setup) { su.live.Reauth.Every = 50 * time.Millisecond })
	r.watch("user=ada")
	k.awaitConfirms(t, 3)
}
