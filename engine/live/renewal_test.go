package live

import (
	"context"
	"errors"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// endlessKeeper is a keeper whose token "never" is good for ever.
type endlessKeeper struct{ *keeper }

func (k endlessKeeper) Renew(ctx context.Context, who any, token string) (any, error) {
	if token == "never" {
		return &person{name: who.(*person).name}, nil
	}
	return k.keeper.Renew(ctx, who, token)
}

// A renewal moves the end of a session, and one without an end takes it away: no
// timer is left that could close the session.
func TestRenewalWithoutAnEndStopsTheTimer(t *testing.T) {
	t.Parallel()
	r, k := kept(t, time.Hour, func(su *setup) { su.live.Reauth.Keeper = endlessKeeper{su.access.(*keeper)} })
	k.set(func() { k.ends = time.Hour })
	ada := r.as("ada")
	s := r.newest()
	renew := func(token string) {
		t.Helper()
		if f := ada.answer(ada.ask("auth", `,"token":"`+token+`"`)); f.Type != "authenticated" {
			t.Fatalf("token %q answered with %+v", token, f)
		}
	}
	renew("2h")
	if !s.expiry.Reset(time.Hour) {
		t.Error("a session that was renewed for two hours has no end")
	}
	renew("never")
	if s.expiry.Stop() {
		t.Error("a session that was renewed for ever still has an end")
	}
	renew("2h")
	_ = ada.ws.CloseNow()
	r.gone(0)
	if s.expiry.Stop() {
		t.Error("the timer of a session outlives it")
	}
}

// seldom has sessions asked about so seldom that a test does not see it.
func seldom(su *setup) { su.live.Reauth.Every = 1000 * time.Hour }

// A new token may be good for other events: the session is asked about again at
// once.
func TestRenewalRechecksTheTopics(t *testing.T) {
	t.Parallel()
	r, k := kept(t, time.Hour, seldom)
	ada := r.as("ada", "e", "f")
	k.set(func() { k.shut["e"] = true })
	ada.answer(ada.ask("auth", `,"token":"1h"`))
	f := ada.find("the end of e", func(f said) bool { return f.Type == "error" })
	if f.Topic != "event:e" || f.Code != "forbidden" {
		t.Errorf("told %+v", f)
	}
	ada.sees("f", "b", r.publish("b"))
}

// Of several topics that may not be watched any more, each is taken away.
func TestDenialEndsEverySubscription(t *testing.T) {
	t.Parallel()
	r, k := kept(t, time.Hour, seldom)
	ada := r.as("ada", "e", "f")
	k.set(func() { k.shut["e"], k.shut["f"] = true, true })
	r.srv.Recheck()
	for _, topic := range []string{"event:e", "event:f"} {
		ada.find("the end of "+topic, func(f said) bool { return f.Type == "error" && f.Topic == topic })
	}
	if n := r.srv.m.subscriptions.Get(); n != 0 {
		t.Errorf("%v subscriptions are left", n)
	}
}

// renamingKeeper is a keeper that has a new name for everybody it is asked about.
type renamingKeeper struct {
	*keeper
	authorized chan string // who was asked about an event, and the event
}

func (k renamingKeeper) Confirm(ctx context.Context, who any) (any, error) {
	if _, err := k.keeper.Confirm(ctx, who); err != nil {
		return nil, err
	}
	return &person{name: "new " + who.(*person).name}, nil
}

func (k renamingKeeper) Decide(who any, event string) (allowed bool, key string, err error) {
	k.authorized <- who.(*person).name + " " + event
	return true, "", nil
}

// Who a session belongs to is what the last answer about it said: the topics are
// asked about for them, and it is they who leave.
func TestConfirmReplacesTheIdentity(t *testing.T) {
	t.Parallel()
	authorized := make(chan string, 10)
	r, k := kept(t, time.Hour, seldom, func(su *setup) {
		now := renamingKeeper{su.access.(*keeper), authorized}
		su.live.Reauth.Keeper, su.access = now, now
	})
	ada := r.as("ada", "e")
	if got := <-authorized; got != "ada e" {
		t.Fatalf("asked about %q", got)
	}
	r.srv.Recheck()
	if got := <-authorized; got != "new ada e" {
		t.Errorf("asked about %q, want the new name", got)
	}
	ada.answer(ada.ask("ping", "")) // carried out after the answer about the session
	_ = ada.ws.CloseNow()
	r.gone(0)
	testenv.Eventually(t, patience, "the new name to leave", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.left["new ada"] == 1 && k.left["ada"] == 0
	})
}

// The grace begins with the last answer, not with the first.
func TestGraceBeginsWithTheLastAnswer(t *testing.T) {
	t.Parallel()
	k := newKeeper()
	r := unserved(t, func(o *Options) {
		o.Access, o.Reauth = k, Reauth{Keeper: k, Tokens: true, Every: time.Hour, Grace: time.Hour}
	})
	_, s := r.arrives(handshake)
	topic, ok := r.core.Watch("e")
	if !ok {
		t.Fatal("the event is not there")
	}
	defer r.core.Unwatch(topic)
	long := time.Now().Add(-2 * time.Hour)
	s.confirmation, s.topics = confirmation{at: long}, []*watch{{topic: topic, confirmation: confirmation{at: long}}}
	defer func() { s.topics = nil }() // it was never subscribed
	away := errors.New("away")
	s.apply(decision{session: true, who: s.who, events: map[string]error{"e": nil}})
	s.apply(decision{session: true, who: s.who, events: map[string]error{"e": away}})
	if s.watchOf("e") == nil {
		t.Error("a topic that has just been confirmed has no grace")
	}
	s.apply(decision{session: true, err: away})
	if s.closeFrame.Load() != nil {
		t.Error("a session that has just been confirmed has no grace")
	}
	s.confirmation = confirmation{at: long}
	s.apply(decision{session: true, err: away})
	if s.closeFrame.Load() == nil {
		t.Error("a session stays beyond its grace")
	}
}
