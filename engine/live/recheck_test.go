package live

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// However many questions of clients wait, those about sessions are asked: also
// about a session that itself waits for an answer.
func TestClientsDoNotDelayRechecks(t *testing.T) {
	t.Parallel()
	r, k := kept(t, time.Hour, seldom)
	ada, bob := r.as("ada", "e", "f"), r.as("bob", "e")
	goOn := occupy(r.srv.requestAuth)
	id := ada.ask("subscribe", `,"topic":"event:other"`)
	testenv.Eventually(t, patience, "the question", func() bool {
		a := r.srv.requestAuth
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.waiting() == 1
	})
	k.set(func() { k.shut["e"], k.out["bob"] = true, true })
	r.srv.Recheck()
	f := ada.find("the end of e", func(f said) bool { return f.Type == "error" })
	if f.Topic != "event:e" || f.Code != "forbidden" {
		t.Errorf("told %+v", f)
	}
	bob.closed(4401)
	ada.sees("f", "b", r.publish("b"))
	goOn()
	if f := ada.answer(id); f.Type != "error" || f.Code != "forbidden" {
		t.Errorf("the request of before is answered with %+v", f)
	}
}

// Where nobody ever answers, the clock ends the grace.
func TestGraceEndsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for _, about := range []string{"session", "topic"} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			silent := &silentKeeper{keeper: newKeeper(), about: about}
			r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) {
				su.live.Reauth = Reauth{Keeper: silent, Tokens: true, Every: 2 * time.Second}
				su.access = silent
			})
			ada := r.spectator("user=ada")
			ada.subscribe("e")
			silent.begun.Store(true)
			if about == "session" {
				ada.closed(4401)
				return
			}
			f := ada.find("the end of e", func(f said) bool { return f.Type == "error" })
			if f.Topic != "event:e" || f.Code != "internal" {
				t.Errorf("told %+v", f)
			}
			ada.answer(ada.ask("ping", ""))
		})
	}
}

// silentKeeper is a keeper that, once it has begun, never answers about the one or the
// other.
type silentKeeper struct {
	*keeper
	about string
	begun atomic.Bool
}

func (k *silentKeeper) ConfirmKey(any) string { return "somebody" }

func (k *silentKeeper) wait(ctx context.Context, about string) {
	if k.begun.Load() && about == k.about {
		<-ctx.Done()
	}
}

func (k *silentKeeper) Confirm(ctx context.Context, who any) (any, error) {
	k.wait(ctx, "session")
	return k.keeper.Confirm(ctx, who)
}

func (k *silentKeeper) Ask(ctx context.Context, who any, event string, again bool) (bool, error) {
	k.wait(ctx, "topic")
	return k.keeper.Ask(ctx, who, event, again)
}

// When the grace ends depends on the last yes, and on how long there is no answer.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		name  string
		grace int
		does  func(*confirmation, *Reauth)
		ends  int // 0: never
	}{
		{"nobody asked", 300, func(*confirmation, *Reauth) {}, 0},
		{"no answer", 300, func(tr *confirmation, r *Reauth) { tr.startGrace(at(60), r); tr.startGrace(at(120), r) }, 300},
		{"no answer, and no grace", 0, func(tr *confirmation, r *Reauth) { tr.startGrace(at(60), r); tr.startGrace(at(70), r) }, 120},
		{"an error", 300, func(tr *confirmation, r *Reauth) { tr.startGrace(at(60), r); tr.unclear(at(61), r) }, 300},
		{"an error soon after a yes", 30, func(tr *confirmation, r *Reauth) {
			tr.startGrace(at(5), r)
			tr.unclear(at(6), r)
			tr.startGrace(at(10), r)
		}, 30},
		{"a yes after an error", 300, func(tr *confirmation, r *Reauth) {
			tr.startGrace(at(60), r)
			tr.unclear(at(61), r)
			tr.startGrace(at(120), r)
			tr.confirm(at(121))
		}, 0},
		{"an error after a later yes", 300, func(tr *confirmation, r *Reauth) {
			tr.confirm(at(100))
			tr.startGrace(at(160), r)
			tr.unclear(at(161), r)
		}, 400},
	} {
		tr := confirmation{at: begin}
		c.does(&tr, &Reauth{Every: time.Minute, Grace: time.Duration(c.grace) * time.Second})
		if tr.deadline.IsZero() != (c.ends == 0) || c.ends > 0 && !tr.deadline.Equal(at(c.ends)) {
			t.Errorf("%s: ends after %v, want %d s", c.name, tr.deadline.Sub(begin), c.ends)
		}
		if c.ends > 0 && (tr.over(at(c.ends)) || !tr.over(at(c.ends+1))) {
			t.Errorf("%s: over too early, or not at all", c.name)
		}
	}
}

// lines is a log that tests look at.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), s)
}

// A round of questions that takes longer than its interval is counted and logged,
// and its end as well.
func TestLateRecheckRoundsAreLogged(t *testing.T) {
	t.Parallel()
	var log logged
	r, k := kept(t, time.Hour, func(su *setup) {
		su.live.Reauth.Every = 50 * time.Millisecond
		su.live.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	_ = r.as("ada", "e")
	stuck := make(chan struct{})
	k.set(func() { k.stuck = stuck })
	testenv.Eventually(t, patience, "late rounds", func() bool { return r.srv.m.lateRounds.Get() >= 2 })
	if !log.has("AUTH_RECHECK_MS") || !log.has("1 sessions without an answer in time") {
		t.Error("nothing is logged")
	}
	k.set(func() { k.stuck = nil })
	close(stuck)
	testenv.Eventually(t, patience, "the end of it", func() bool { return log.has("within AUTH_RECHECK_MS again") })
}

// slowKeeper is a keeper that says yes only after access has changed, and no from then on.
type slowKeeper struct {
	*keeper
	asked  atomic.Int64
	begun  chan struct{}
	answer chan struct{}
	change func() // called before each yes, if it is there: then every answer is one
}

func (k *slowKeeper) Ask(context.Context, any, string, bool) (bool, error) {
	n := k.asked.Add(1)
	if k.change != nil {
		k.change()
		return true, nil
	}
	if n > 1 {
		return false, nil
	}
	k.begun <- struct{}{}
	<-k.answer
	return true, nil
}

func (k *slowKeeper) Authenticate(r *http.Request) (any, int) {
	if r.URL.Query().Get("user") == "late" {
		k.begun <- struct{}{}
		<-k.answer
	}
	return k.keeper.Authenticate(r)
}

func startSlowKeeper(t *testing.T) (*rig, *slowKeeper) {
	k := &slowKeeper{keeper: newKeeper(), begun: make(chan struct{}), answer: make(chan struct{})}
	return start(t, map[string][]string{"e": {"a"}}, func(su *setup) {
		su.live.Reauth = Reauth{Keeper: k, Tokens: true, Every: 1000 * time.Hour, Grace: time.Hour}
		su.access = k
	}), k
}

// A yes that was asked for before access changed is not used: the question is asked
// again.
func TestPermissionFromBeforeARevocationIsNotUsed(t *testing.T) {
	t.Parallel()
	r, k := startSlowKeeper(t)
	ada := r.spectator("user=ada")
	id := ada.ask("subscribe", `,"topic":"event:e"`)
	<-k.begun
	r.srv.Recheck()
	k.answer <- struct{}{}
	if f := ada.answer(id); f.Type != "error" || f.Code != "forbidden" {
		t.Errorf("answered with %+v, want forbidden", f)
	}
	if n := k.asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	if n := r.srv.m.subscriptions.Get(); n != 0 {
		t.Errorf("%v subscriptions", n)
	}
}

// Where access changes faster than it can be asked about, nobody comes in.
func TestAccessThatKeepsChanging(t *testing.T) {
	t.Parallel()
	r, k := startSlowKeeper(t)
	k.change = r.srv.Recheck
	ada := r.spectator("user=ada")
	if f := ada.answer(ada.ask("subscribe", `,"topic":"event:e"`)); f.Type != "error" || f.Code != "internal" {
		t.Errorf("answered with %+v, want internal", f)
	}
	if n := k.asked.Load(); n != maxTries {
		t.Errorf("asked %d times, want %d", n, maxTries)
	}
}

// A session whose handshake was decided before access changed is asked about at
// once.
func TestHandshakeFromBeforeARevocationIsRechecked(t *testing.T) {
	t.Parallel()
	r, k := startSlowKeeper(t)
	w := r.open(strings.Replace(handshake, "/live", "/live?user=late", 1))
	<-k.begun
	k.set(func() { k.out["late"] = true })
	r.srv.Recheck()
	k.answer <- struct{}{}
	w.upgraded()
	w.closed(4401)
}

// When access changes, what is under way about a session is not waited for: it may
// never be answered.
func TestRecheckDoesNotWaitForAnswers(t *testing.T) {
	t.Parallel()
	r, k := kept(t, time.Hour, seldom)
	ada := r.as("ada", "e")
	stuck := make(chan struct{})
	defer close(stuck)
	k.set(func() { k.stuck = stuck })
	r.srv.Recheck()
	s := r.newest()
	testenv.Eventually(t, patience, "the question", func() bool { return s.check.Load() != nil })
	k.set(func() { k.out["ada"] = true })
	r.srv.Recheck()
	ada.closed(4401)
}

// What is being asked about the token of before says nothing about the new one.
func TestRenewalDropsTheCheckUnderWay(t *testing.T) {
	t.Parallel()
	r, k := kept(t, time.Hour, seldom)
	ada := r.as("ada", "e")
	stuck := make(chan struct{})
	k.set(func() { k.stuck = stuck; k.broken["e"] = errors.New("away") })
	r.srv.Recheck()
	s := r.newest()
	testenv.Eventually(t, patience, "the question", func() bool { return s.check.Load() != nil })
	before := s.check.Load()
	if f := ada.answer(ada.ask("auth", `,"token":"1h"`)); f.Type != "authenticated" {
		t.Fatalf("renewal answered with %+v", f)
	}
	testenv.Eventually(t, patience, "another question", func() bool { e := s.check.Load(); return e != nil && e != before })
	if before.mu.Lock(); !before.dropped {
		t.Error("the question of before goes on")
	}
	before.mu.Unlock()
	k.set(func() { k.broken["e"] = nil })
	close(stuck)
	testenv.Eventually(t, patience, "the answer", func() bool { return s.check.Load() == nil })
	if n := s.asking.Load(); n != 0 {
		t.Errorf("%d bytes count for questions that are answered", n)
	}
	ada.sees("e", "a", r.publish("a"))
}

// A question about a session that a change of access has overtaken is asked anew, and its answer
// is not used: neither lets it stay, nor ends that it is asked about.
func TestStaleAnswerAboutASession(t *testing.T) {
	t.Parallel()
	k := &steeredKeeper{keeper: newKeeper(), begun: make(chan struct{}), answer: make(chan bool)}
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) {
		su.live.Reauth = Reauth{Keeper: k, Tokens: true, Every: 1000 * time.Hour, Grace: time.Hour}
		su.access = k
	})
	ada := r.as("ada", "e")
	r.srv.Recheck()
	<-k.begun
	s := r.newest()
	before := s.check.Load().generation.Load()
	r.srv.Recheck()
	testenv.Eventually(t, patience, "the session to be asked about anew", func() bool {
		return s.check.Load().generation.Load() != before
	})
	k.answer <- true
	<-k.begun
	k.answer <- false
	ada.closed(4401)
}

// steeredKeeper is a keeper whose answers about sessions the test gives.
type steeredKeeper struct {
	*keeper
	begun  chan struct{}
	answer chan bool
}

func (k *steeredKeeper) ConfirmKey(any) string { return "somebody" }

func (k *steeredKeeper) Confirm(_ context.Context, who any) (any, error) {
	k.begun <- struct{}{}
	if <-k.answer {
		return who, nil
	}
	return nil, nil
}
