package live

import (
	"context"
	"errors"
	"testing"
	"time"
)

// endlessKeeper is a keeper whose token "never" gives a session without a deadline.
type endlessKeeper struct{ *fakeKeeper }

func (k endlessKeeper) Renew(ctx context.Context, identity any, token string) (any, error) {
	if token == "never" {
		return &person{name: identity.(*person).name}, nil
	}
	return k.fakeKeeper.Renew(ctx, identity, token)
}

// A renewal moves the deadline of a session. If the new token has none, the timer
// that closes the session is stopped.
func TestRenewalWithoutADeadlineStopsTheTimer(t *testing.T) {
	t.Parallel()
	r, k := startWithKeeper(t, time.Hour, func(su *setup) { su.live.Reauth.Keeper = endlessKeeper{su.access.(*fakeKeeper)} })
	k.set(func() { k.lifetime = time.Hour })
	ada := r.watch("user=ada")
	s := r.newestSession()
	renew := func(token string) {
		t.Helper()
		if f := ada.awaitAnswer(ada.request("auth", `,"token":"`+token+`"`)); f.Type != "authenticated" {
			t.Fatalf("token %q was answered with %+v, want authenticated", token, f)
		}
	}
	renew("2h")
	if !s.expiry.Reset(time.Hour) {
		t.Error("a session that was renewed for two hours has no timer")
	}
	renew("never")
	if s.expiry.Stop() {
		t.Error("a session that was renewed without a deadline still has a timer")
	}
	renew("2h")
	_ = ada.ws.CloseNow()
	r.awaitConnections(0)
	if s.expiry.Stop() {
		t.Error("the timer of a session was not stopped at its end")
	}
}

// noPeriodicChecks leaves it to the test when sessions are checked.
func noPeriodicChecks(su *setup) { su.live.Reauth.Every = 1000 * time.Hour }

// A new token may be good for other events, so the session is checked at once.
func TestRenewalRechecksTheTopics(t *testing.T) {
	t.Parallel()
	r, k := startWithKeeper(t, time.Hour, noPeriodicChecks)
	ada := r.watch("user=ada", "e", "f")
	k.set(func() { k.denied["e"] = true })
	ada.awaitAnswer(ada.request("auth", `,"token":"1h"`))
	ada.awaitError("e", "forbidden")
	ada.awaitPosition("f", "b", r.publish("b"))
}

// When several events are denied at once, each subscription ends.
func TestDenialEndsEverySubscription(t *testing.T) {
	t.Parallel()
	r, k := startWithKeeper(t, time.Hour, noPeriodicChecks)
	ada := r.watch("user=ada", "e", "f")
	k.set(func() { k.denied["e"], k.denied["f"] = true, true })
	r.srv.Recheck()
	ada.awaitError("e", "forbidden")
	ada.awaitError("f", "forbidden")
	if n := r.srv.m.subscriptions.Get(); n != 0 {
		t.Errorf("%v subscriptions are counted, want 0", n)
	}
}

// renamingKeeper is a keeper that gives each user a new name when it confirms them.
type renamingKeeper struct {
	*fakeKeeper
	decided chan string // the user and the event of each call of Decide
}

func (k renamingKeeper) Confirm(ctx context.Context, identity any) (any, error) {
	if _, err := k.fakeKeeper.Confirm(ctx, identity); err != nil {
		return nil, err
	}
	return &person{name: "new " + identity.(*person).name}, nil
}

func (k renamingKeeper) Decide(identity any, event string) (allowed bool, key string, err error) {
	k.decided <- identity.(*person).name + " " + event
	return true, "", nil
}

// A session belongs to the identity that Confirm returned last. Its topics are asked
// about for that identity, and Disconnected is called with it.
func TestConfirmReplacesTheIdentity(t *testing.T) {
	t.Parallel()
	decided := make(chan string, 10)
	r, k := startWithKeeper(t, time.Hour, noPeriodicChecks, func(su *setup) {
		now := renamingKeeper{su.access.(*fakeKeeper), decided}
		su.live.Reauth.Keeper, su.access = now, now
	})
	ada := r.watch("user=ada", "e")
	if got := <-decided; got != "ada e" {
		t.Fatalf("asked about %q, want %q", got, "ada e")
	}
	r.srv.Recheck()
	if got := <-decided; got != "new ada e" {
		t.Errorf("asked about %q, want %q", got, "new ada e")
	}
	ada.awaitAnswer(ada.request("ping", "")) // is carried out after the answer about the session
	_ = ada.ws.CloseNow()
	r.awaitConnections(0)
	eventually(t, "Disconnected with the new name", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.disconnected["new ada"] == 1 && k.disconnected["ada"] == 0
	})
}

// The grace is counted from the last yes, not from the first.
func TestGraceBeginsWithTheLastAnswer(t *testing.T) {
	t.Parallel()
	k := newFakeKeeper()
	r := startUnserved(t, withKeeper(k, time.Hour, time.Hour))
	_, s := r.dialSession(handshake)
	topic, ok := r.core.Watch("e")
	if !ok {
		t.Fatal("event e does not exist")
	}
	defer r.core.Unwatch(topic)
	before := time.Now().Add(-2 * time.Hour)
	s.confirmation, s.subscriptions = confirmation{at: before}, []*subscription{{topic: topic, confirmation: confirmation{at: before}}}
	defer func() { s.subscriptions = nil }() // was not subscribed by a request
	away := errors.New("away")
	s.apply(decision{session: true, identity: s.identity, events: map[string]error{"e": nil}})
	s.apply(decision{session: true, identity: s.identity, events: map[string]error{"e": away}})
	if s.subscription("e") == nil {
		t.Error("a topic that has just been confirmed has no grace")
	}
	s.apply(decision{session: true, err: away})
	if s.closeFrame.Load() != nil {
		t.Error("a session that has just been confirmed has no grace")
	}
	s.confirmation = confirmation{at: before}
	s.apply(decision{session: true, err: away})
	if s.closeFrame.Load() == nil {
		t.Error("a session stays after its grace")
	}
}
