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
)

// Questions about sessions do not wait for the questions of requests, not even for
// those of the same session.
func TestRequestsDoNotDelayRechecks(t *testing.T) {
	t.Parallel()
	r, k := startWithKeeper(t, time.Hour, noPeriodicChecks)
	ada, bob := r.watch("user=ada", "e", "f"), r.watch("user=bob", "e")
	release := blockWorkers(r.srv.requestAuth)
	id := ada.request("subscribe", `,"topic":"event:other"`)
	eventually(t, "the question to wait", func() bool {
		a := r.srv.requestAuth
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.waiting() == 1
	})
	k.set(func() { k.denied["e"], k.revoked["bob"] = true, true })
	r.srv.Recheck()
	ada.awaitError("e", "forbidden")
	bob.awaitClose(4401)
	ada.awaitPosition("f", "b", r.publish("b"))
	release()
	if f := ada.awaitAnswer(id); f.Type != "error" || f.Code != "forbidden" {
		t.Errorf("the request was answered with %+v, want forbidden", f)
	}
}

// When a question is never answered, the grace ends by the clock.
func TestGraceEndsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for _, about := range []string{"session", "topic"} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			k := &hangingKeeper{fakeKeeper: newFakeKeeper(), about: about}
			r := start(t, map[string][]string{"e": {"a"}}, withKeeper(k, 2*time.Second, 0))
			ada := r.watch("user=ada", "e")
			k.hang.Store(true)
			if about == "session" {
				ada.awaitClose(4401)
				return
			}
			ada.awaitError("e", "internal")
			ada.awaitAnswer(ada.request("ping", ""))
		})
	}
}

// hangingKeeper is a keeper that does not answer questions about either sessions or
// topics while hang is set.
type hangingKeeper struct {
	*fakeKeeper
	about string // session or topic
	hang  atomic.Bool
}

func (k *hangingKeeper) ConfirmKey(any) string { return "somebody" }

func (k *hangingKeeper) wait(ctx context.Context, about string) {
	if k.hang.Load() && about == k.about {
		<-ctx.Done()
	}
}

func (k *hangingKeeper) Confirm(ctx context.Context, identity any) (any, error) {
	k.wait(ctx, "session")
	return k.fakeKeeper.Confirm(ctx, identity)
}

func (k *hangingKeeper) Ask(ctx context.Context, identity any, event string, again bool) (bool, error) {
	k.wait(ctx, "topic")
	return k.fakeKeeper.Ask(ctx, identity, event, again)
}

// The end of the grace depends on the last yes, and on how long there is no answer.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		name  string
		grace int
		does  func(*confirmation, *Reauth)
		ends  int // in s; 0: never
	}{
		{"nobody asked", 300, func(*confirmation, *Reauth) {}, 0},
		{"no answer", 300, func(c *confirmation, r *Reauth) { c.startGrace(at(60), r); c.startGrace(at(120), r) }, 300},
		{"no answer, and no grace", 0, func(c *confirmation, r *Reauth) { c.startGrace(at(60), r); c.startGrace(at(70), r) }, 120},
		{"an error", 300, func(c *confirmation, r *Reauth) { c.startGrace(at(60), r); c.unclear(at(61), r) }, 300},
		{"an error soon after a yes", 30, func(c *confirmation, r *Reauth) {
			c.startGrace(at(5), r)
			c.unclear(at(6), r)
			c.startGrace(at(10), r)
		}, 30},
		{"a yes after an error", 300, func(c *confirmation, r *Reauth) {
			c.startGrace(at(60), r)
			c.unclear(at(61), r)
			c.startGrace(at(120), r)
			c.confirm(at(121))
		}, 0},
		{"an error after a later yes", 300, func(c *confirmation, r *Reauth) {
			c.confirm(at(100))
			c.startGrace(at(160), r)
			c.unclear(at(161), r)
		}, 400},
	} {
		got := confirmation{at: begin}
		c.does(&got, &Reauth{Every: time.Minute, Grace: time.Duration(c.grace) * time.Second})
		if got.deadline.IsZero() != (c.ends == 0) || c.ends > 0 && !got.deadline.Equal(at(c.ends)) {
			t.Errorf("%s: the grace ends after %v, want %ds", c.name, got.deadline.Sub(begin), c.ends)
		}
		if c.ends > 0 && (got.over(at(c.ends)) || !got.over(at(c.ends+1))) {
			t.Errorf("%s: the grace is over at its end %v and 1s later %v, want false and true", c.name, got.over(at(c.ends)), got.over(at(c.ends+1)))
		}
	}
}

// logBuffer is a log that tests read. Any goroutine may use it.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logBuffer) has(s string) bool { return strings.Contains(l.String(), s) }

// A round of checks that takes longer than its interval is counted and logged, and
// so is the first one after it that does not.
func TestLateRecheckRoundsAreLogged(t *testing.T) {
	t.Parallel()
	var log logBuffer
	r, k := startWithKeeper(t, time.Hour, func(su *setup) {
		su.live.Reauth.Every = 50 * time.Millisecond
		su.live.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	r.watch("user=ada", "e")
	blocked := make(chan struct{})
	k.set(func() { k.blocked = blocked })
	eventually(t, "late rounds", func() bool { return r.srv.m.lateRounds.Get() >= 2 })
	if !log.has("AUTH_RECHECK_MS") || !log.has("1 sessions without an answer in time") {
		t.Errorf("got log %q, want the setting and one session without an answer", log.String())
	}
	k.set(func() { k.blocked = nil })
	close(blocked)
	eventually(t, "the end of the late rounds in the log", func() bool { return log.has("within AUTH_RECHECK_MS again") })
}

// revokingKeeper is a keeper whose first answer about an event, or handshake of the
// user late, waits for the test. That answer is yes, and later ones are no: access
// has changed meanwhile.
type revokingKeeper struct {
	*fakeKeeper
	decisions atomic.Int64  // calls of Ask
	begun     chan struct{} // a question that waits
	answer    chan struct{} // lets it go on
	change    func()        // if not nil, every answer is yes, and each calls this first
}

func (k *revokingKeeper) Ask(context.Context, any, string, bool) (bool, error) {
	n := k.decisions.Add(1)
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

func (k *revokingKeeper) Authenticate(r *http.Request) (any, int) {
	if r.URL.Query().Get("user") == "late" {
		k.begun <- struct{}{}
		<-k.answer
	}
	return k.fakeKeeper.Authenticate(r)
}

func startRevokingKeeper(t *testing.T) (*rig, *revokingKeeper) {
	k := &revokingKeeper{fakeKeeper: newFakeKeeper(), begun: make(chan struct{}), answer: make(chan struct{})}
	return start(t, map[string][]string{"e": {"a"}}, withKeeper(k, time.Hour, time.Hour), noPeriodicChecks), k
}

// When access changes while a question is under way, its answer is not used: the
// question is asked again.
func TestPermissionFromBeforeARevocationIsNotUsed(t *testing.T) {
	t.Parallel()
	r, k := startRevokingKeeper(t)
	ada := r.watch("user=ada")
	id := ada.request("subscribe", `,"topic":"event:e"`)
	<-k.begun
	r.srv.Recheck()
	k.answer <- struct{}{}
	if f := ada.awaitAnswer(id); f.Type != "error" || f.Code != "forbidden" {
		t.Errorf("the subscribe was answered with %+v, want forbidden", f)
	}
	if n := k.decisions.Load(); n != 2 {
		t.Errorf("the keeper was asked %d times, want 2", n)
	}
	if n := r.srv.m.subscriptions.Get(); n != 0 {
		t.Errorf("%v subscriptions are counted, want 0", n)
	}
}

// When access changes again during each question, the request fails in the end.
func TestAccessThatKeepsChanging(t *testing.T) {
	t.Parallel()
	r, k := startRevokingKeeper(t)
	k.change = r.srv.Recheck
	ada := r.watch("user=ada")
	if f := ada.awaitAnswer(ada.request("subscribe", `,"topic":"event:e"`)); f.Type != "error" || f.Code != "internal" {
		t.Errorf("the subscribe was answered with %+v, want internal", f)
	}
	if n := k.decisions.Load(); n != maxTries {
		t.Errorf("the keeper was asked %d times, want %d", n, maxTries)
	}
}

// When access changes during a handshake, the session is checked at once.
func TestHandshakeFromBeforeARevocationIsRechecked(t *testing.T) {
	t.Parallel()
	r, k := startRevokingKeeper(t)
	w := r.dial(handshakeWith("user=late"))
	<-k.begun
	k.set(func() { k.revoked["late"] = true })
	r.srv.Recheck()
	k.answer <- struct{}{}
	w.awaitUpgrade()
	w.awaitClose(4401)
}

// When access changes, a session is checked anew at once, without waiting for the
// check under way: that may never be answered.
func TestRecheckDoesNotWaitForAnswers(t *testing.T) {
	t.Parallel()
	r, k := startWithKeeper(t, time.Hour, noPeriodicChecks)
	ada := r.watch("user=ada", "e")
	blocked := make(chan struct{})
	defer close(blocked)
	k.set(func() { k.blocked = blocked })
	r.srv.Recheck()
	s := r.newestSession()
	eventually(t, "a check", func() bool { return s.check.Load() != nil })
	k.set(func() { k.revoked["ada"] = true })
	r.srv.Recheck()
	ada.awaitClose(4401)
}

// A renewal drops the check under way, which is about the old token.
func TestRenewalDropsTheCheckUnderWay(t *testing.T) {
	t.Parallel()
	r, k := startWithKeeper(t, time.Hour, noPeriodicChecks)
	ada := r.watch("user=ada", "e")
	blocked := make(chan struct{})
	k.set(func() { k.blocked = blocked; k.errs["e"] = errors.New("away") })
	r.srv.Recheck()
	s := r.newestSession()
	eventually(t, "a check", func() bool { return s.check.Load() != nil })
	before := s.check.Load()
	if f := ada.awaitAnswer(ada.request("auth", `,"token":"1h"`)); f.Type != "authenticated" {
		t.Fatalf("the renewal was answered with %+v, want authenticated", f)
	}
	eventually(t, "a new check", func() bool { e := s.check.Load(); return e != nil && e != before })
	if before.mu.Lock(); !before.dropped {
		t.Error("the check of the old token was not dropped")
	}
	before.mu.Unlock()
	k.set(func() { k.errs["e"] = nil })
	close(blocked)
	eventually(t, "the end of the check", func() bool { return s.check.Load() == nil })
	if n := s.asking.Load(); n != 0 {
		t.Errorf("%d bytes are counted for questions after the answers, want 0", n)
	}
	ada.awaitPosition("e", "a", r.publish("a"))
}

// When access changes during the check of a session, its answer is not used: the
// check starts anew, and only the new answer counts.
func TestStaleAnswerAboutASession(t *testing.T) {
	t.Parallel()
	k := &scriptedKeeper{fakeKeeper: newFakeKeeper(), begun: make(chan struct{}), answer: make(chan bool)}
	r := start(t, map[string][]string{"e": {"a"}}, withKeeper(k, time.Hour, time.Hour), noPeriodicChecks)
	ada := r.watch("user=ada", "e")
	r.srv.Recheck()
	<-k.begun
	s := r.newestSession()
	before := s.check.Load().generation.Load()
	r.srv.Recheck()
	eventually(t, "a new check", func() bool {
		return s.check.Load().generation.Load() != before
	})
	k.answer <- true
	<-k.begun
	k.answer <- false
	ada.awaitClose(4401)
}

// scriptedKeeper is a keeper whose answers about sessions come from the test.
type scriptedKeeper struct {
	*fakeKeeper
	begun  chan struct{}
	answer chan bool
}

func (k *scriptedKeeper) ConfirmKey(any) string { return "somebody" }

func (k *scriptedKeeper) Confirm(_ context.Context, identity any) (any, error) {
	k.begun <- struct{}{}
	if <-k.answer {
		return identity, nil
	}
	return nil, nil
}
