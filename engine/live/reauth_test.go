package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// person is who is in, in the tests of reauth.
type person struct {
	name string
	ends time.Time
}

// keeper is a Keeper and Access that the test tells what to say.
type keeper struct {
	mu     sync.Mutex
	out    map[string]bool  // by name
	shut   map[string]bool  // by event
	broken map[string]error // by name or event
	stuck  chan struct{}    // Ask waits for it, if it is there
	ends   time.Duration
	left   map[string]int
	asked  int

	questions map[string]int // by name and event
}

func newKeeper() *keeper {
	return &keeper{out: map[string]bool{}, shut: map[string]bool{}, broken: map[string]error{}, left: map[string]int{}, questions: map[string]int{}}
}

// set changes what is said.
func (k *keeper) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func (k *keeper) Authenticate(r *http.Request) (any, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := &person{name: r.URL.Query().Get("user")}
	if k.ends > 0 {
		p.ends = time.Now().Add(k.ends)
	}
	return p, 0
}

func (k *keeper) Decide(who any, event string) (allowed bool, key string, err error) {
	return false, who.(*person).name + " " + event, nil
}

func (k *keeper) Ask(ctx context.Context, who any, event string, _ bool) (bool, error) {
	k.mu.Lock()
	k.questions[who.(*person).name+" "+event]++
	stuck := k.stuck
	k.mu.Unlock()
	if stuck != nil {
		select {
		case <-stuck:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.shut[event], k.broken[event]
}

func (k *keeper) AllPublic() bool { return false }

func (k *keeper) Deadline(who any) time.Time { return who.(*person).ends }

func (k *keeper) Confirm(_ context.Context, who any) (any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	p := who.(*person)
	if err := k.broken[p.name]; err != nil {
		return nil, err
	}
	if k.out[p.name] {
		return nil, nil
	}
	return p, nil
}

func (k *keeper) ConfirmKey(who any) string { return "" }

func (k *keeper) Renew(_ context.Context, who any, token string) (any, error) {
	if token == "broken" {
		return nil, errors.New("broken")
	}
	d, err := time.ParseDuration(token)
	if err != nil {
		return nil, nil
	}
	return &person{who.(*person).name, time.Now().Add(d)}, nil
}

func (k *keeper) Disconnected(who any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left[who.(*person).name]++
}

// kept is a rig with a keeper, which asks every minute and gives no grace.
func kept(t *testing.T, grace time.Duration, change ...func(*setup)) (*rig, *keeper) {
	k := newKeeper()
	r := start(t, map[string][]string{"e": {"a"}, "f": {"b"}}, append([]func(*setup){func(su *setup) {
		su.live.Reauth = Reauth{Keeper: k, Tokens: true, Every: time.Minute, Grace: grace}
		su.access = k
	}}, change...)...)
	return r, k
}

// as connects somebody who subscribes to events.
func (r *rig) as(user string, events ...string) *spectator {
	s := r.spectator("user=" + user)
	for _, e := range events {
		s.subscribe(e)
	}
	return s
}

func TestDenialEndsASubscription(t *testing.T) {
	r, k := kept(t, time.Hour)
	ada, bob := r.as("ada", "e", "f"), r.as("bob", "f")
	k.set(func() { k.shut["e"] = true })
	r.srv.Recheck()
	f := ada.find("the end of e", func(f said) bool { return f.Type == "error" })
	if f.Topic != "event:e" || f.Code != "forbidden" || f.ID != "" {
		t.Errorf("told %+v", f)
	}
	r.publish("a")
	ts := r.publish("b")
	ada.sees("f", "b", ts)
	bob.sees("f", "b", ts)
	if ada.at("e", "a") != 0 {
		t.Error("a position of e came behind its end")
	}
	if n := r.srv.m.subscriptions.Get(); n != 2 {
		t.Errorf("%v subscriptions are left, want 2", n)
	}
	k.set(func() { k.shut["e"] = false })
	ada.subscribe("e")
	ada.sees("e", "a", r.publish("a"))
}

func TestDenialEndsASession(t *testing.T) {
	r, k := kept(t, time.Hour)
	ada, bob := r.as("ada", "e"), r.as("bob", "e")
	k.set(func() { k.out["ada"] = true })
	r.srv.Recheck()
	ada.closed(4401)
	bob.sees("e", "a", r.publish("a"))
	r.gone(1)
	k.set(func() {
		if k.left["ada"] != 1 || k.left["bob"] != 0 {
			t.Errorf("left: %v", k.left)
		}
	})
}

// TestGrace has nobody able to tell, with and without grace left.
func TestGrace(t *testing.T) {
	for _, c := range []struct {
		name    string
		grace   time.Duration
		broken  string
		session bool // goes
		topic   bool // goes
	}{
		{"about the session, within the grace", time.Hour, "ada", false, false},
		{"about the session, beyond it", 0, "ada", true, false},
		{"about the event, within the grace", time.Hour, "e", false, false},
		{"about the event, beyond it", 0, "e", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, k := kept(t, c.grace)
			ada := r.as("ada", "e")
			k.set(func() { k.broken[c.broken] = errors.New("away") })
			k.set(func() { k.asked = 0 })
			r.srv.Recheck()
			switch {
			case c.session:
				ada.closed(4401)
				return
			case c.topic:
				f := ada.find("the end of e", func(f said) bool { return f.Type == "error" })
				if f.Topic != "event:e" || f.Code != "internal" {
					t.Errorf("told %+v", f)
				}
				return
			}
			testenv.Eventually(t, patience, "the question", func() bool {
				k.mu.Lock()
				defer k.mu.Unlock()
				return k.asked > 0
			})
			ada.answer(ada.ask("ping", ""))
			ada.sees("e", "a", r.publish("a"))
		})
	}
}

func TestSessionsExpireUnlessRenewed(t *testing.T) {
	r, k := kept(t, time.Hour)
	k.set(func() { k.ends = 1500 * time.Millisecond })
	ada, bob := r.as("ada", "e"), r.as("bob", "e")
	id := bob.ask("auth", `,"token":"1h"`)
	if f := bob.answer(id); f.Type != "authenticated" {
		t.Fatalf("renewal answered with %+v", f)
	}
	for token, code := range map[string]string{"no": "forbidden", "broken": "internal"} {
		if f := bob.answer(bob.ask("auth", `,"token":"`+token+`"`)); f.Type != "error" || f.Code != code {
			t.Errorf("token %q answered with %+v, want %s", token, f, code)
		}
	}
	ada.closed(4401)
	r.gone(1)
	bob.sees("e", "a", r.publish("a"))
}

// TestStuckDecisionsDelayNobodyElse: more sessions wait for an answer than are
// asked about at a time, and others go on; those who leave wait for none.
func TestStuckDecisionsDelayNobodyElse(t *testing.T) {
	r, k := kept(t, time.Hour)
	ada := r.as("ada", "e")
	stuck := make(chan struct{})
	k.set(func() { k.stuck = stuck })
	var waiting []*wire
	for i := range maxRequestAuth + 20 {
		w := r.open(strings.Replace(handshake, "/live", fmt.Sprintf("/live?user=eve%d", i), 1))
		w.upgraded()
		w.welcome()
		w.send(text(`{"type":"subscribe","id":"1","topic":"event:e"}`))
		waiting = append(waiting, w)
	}
	testenv.Eventually(t, patience, "all questions to be under way", func() bool {
		a := r.srv.requestAuth
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.running == maxRequestAuth && a.waiting() == 20
	})
	if f := ada.answer(ada.ask("ping", "")); f.Type != "pong" {
		t.Errorf("ping answered with %+v", f)
	}
	ada.sees("e", "a", r.publish("a"))
	for _, w := range waiting[:maxRequestAuth] {
		_ = w.conn.Close()
	}
	r.gone(21)
	close(stuck)
	waiting[maxRequestAuth].until(`"type":"subscribed"`)
}

func TestSessionsAreRechecked(t *testing.T) {
	r, k := kept(t, time.Hour, func(su *setup) { su.live.Reauth.Every = 50 * time.Millisecond })
	_ = r.as("ada")
	testenv.Eventually(t, patience, "three questions", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.asked >= 3
	})
}
