package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

func TestWelcome(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.Heartbeat = 25 * time.Second })
	s := r.spectator("")
	f := s.find("the welcome", func(said) bool { return true })
	if f.Type != "welcome" || f.Protocol != 1 || f.Instance != "test" || f.HeartbeatMs != 25000 {
		t.Errorf("got %+v", f)
	}
}

func TestSubscribe(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a", "b", "c"}, "none": {}})
	r.publish("a", "b")
	s := r.spectator("")
	got := s.subscribe("e")
	if want := (said{Type: "subscribed", ID: "1", Topic: "event:e", Devices: 3, Parts: 2, IntervalMs: 5}); !same(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !s.shows(r, "e", []string{"a", "b"}) {
		t.Error("the snapshot does not show the last values")
	}
	s.sees("e", "c", r.publish("a", "c"))
	got = s.subscribe("none")
	if want := (said{Type: "subscribed", ID: "2", Topic: "event:none", Parts: 2, IntervalMs: 5}); !same(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}

	s.send(`{"type":"subscribe","topic":"event:e"}`) // again, and without an id
	again := func(f said) bool { return f.Type == "subscribed" && f.ID == "" }
	if got := s.find("an answer without an id", again); got.Parts != 0 || got.Devices != 3 {
		t.Errorf("got %+v, want no parts", got)
	}
	s.answer(s.ask("ping", ""))
	if n := s.snapshots("e"); n != 2 {
		t.Errorf("%d snapshot parts, want the 2 of the first subscribe", n)
	}
}

// same compares what a subscribed frame says.
func same(a, b said) bool {
	return a.Type == b.Type && a.ID == b.ID && a.Topic == b.Topic && a.Devices == b.Devices && a.Parts == b.Parts && a.IntervalMs == b.IntervalMs
}

func (s *screen) snapshots(event string) int {
	return len(s.those(func(f said) bool { return f.Type == "snapshot" && f.Topic == "event:"+event }))
}

func TestPingAndUnsubscribe(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	s := r.spectator("")
	if got := s.answer(s.ask("ping", "")); got.Type != "pong" {
		t.Errorf("ping was answered with %+v", got)
	}
	s.send(`{"type":"ping"}`)
	s.find("a pong without an id", func(f said) bool { return f.Type == "pong" && f.ID == "" })
	for _, topic := range []string{"event:e", "event:unknown"} {
		got := s.answer(s.ask("unsubscribe", `,"topic":"`+topic+`"`))
		if got.Type != "unsubscribed" || got.Topic != topic {
			t.Errorf("unsubscribe from %s, which is not subscribed, was answered with %+v", topic, got)
		}
	}
	if got := s.answer(s.ask("unsubscribe", `,"topic":"nonsense"`)); got.Type != "error" || got.Code != "bad_request" {
		t.Errorf("unsubscribe from what is no topic was answered with %+v", got)
	}
	s.subscribe("e")
	s.send(`{"type":"unsubscribe","topic":"event:e"}`)
	s.find("an answer without an id", func(f said) bool { return f.Type == "unsubscribed" && f.ID == "" })
	if n := r.srv.m.subscriptions.Get(); n != 0 {
		t.Errorf("%v subscriptions are counted, want 0", n)
	}
}

func TestBadRequests(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	w := r.wire()
	for i, c := range []struct{ send, id string }{
		{``, ""}, {`{`, ""}, {`[]`, ""}, {`"ping"`, ""}, {`null`, ""}, {`{}`, ""}, {`{"type":"ping"} x`, ""},
		{`{"id":"7"}`, "7"},
		{`{"id":"7","type":"dance"}`, "7"},
		{`{"id":"7","type":1}`, "7"},
		{`{"id":"7","type":"subscribe"}`, "7"},
		{`{"id":"7","type":"subscribe","topic":1}`, "7"},
		{`{"id":"7","type":"subscribe","topic":""}`, "7"},
		{`{"id":"7","type":"subscribe","topic":"e"}`, "7"},
		{`{"id":"7","type":"subscribe","topic":"event:"}`, "7"},
		{`{"id":"7","type":"subscribe","topic":"EVENT:e"}`, "7"},
		{`{"id":"7","type":"subscribe","topic":"event:e","interval":-1}`, "7"},
		{`{"id":"7","type":"subscribe","topic":"event:e","interval":1.5}`, "7"},
		{`{"id":"7","type":"subscribe","topic":"event:e","interval":"5"}`, "7"},
		{`{"id":"7","type":"subscribe","topic":"event:e","interval":99999999999}`, "7"},
		{`{"id":"7","type":"unsubscribe"}`, "7"},
		{`{"id":"7","type":"auth","token":"x"}`, "7"},
		{`{"type":"ping","id":7}`, ""},
		{`{"type":"ping","id":"` + strings.Repeat("x", 65) + `"}`, ""},
	} {
		w.send(text(c.send))
		_, p := w.frame()
		log := w.screen.those(func(said) bool { return true })
		if f := log[len(log)-1]; f.Type != "error" || f.Code != "bad_request" || f.ID != c.id || f.Message == "" {
			t.Errorf("%d: %q was answered with %s", i, c.send, p)
		}
	}
	w.send(masked(fin|opBinary, `{"type":"ping","id":"7"}`))
	w.until(`"bad_request"`)
	w.send(text(`{"type":"ping","id":"still here"}`))
	w.until(`"pong","id":"still here"`)
}

// What is unknown and what is forbidden look the same, and cost the same, where
// not everything is public.
func TestUnknownAndForbidden(t *testing.T) {
	for _, secret := range []bool{false, true} {
		r := start(t, map[string][]string{"e": {"a"}, "closed": {"b"}}, func(su *setup) {
			su.rule.secret, su.rule.closed = secret, map[string]bool{"closed": true}
		})
		asked := make(chan string, 10)
		r.rule.ask = func(_ context.Context, event string) error {
			asked <- event
			if event == "broken" {
				return errors.New("cannot tell")
			}
			return nil
		}
		s := r.spectator("")
		var answers []said
		for _, event := range []string{"unknown", "closed"} {
			got := s.answer(s.ask("subscribe", `,"topic":"event:`+event+`"`))
			if at := <-asked; at != event {
				t.Errorf("asked about %s, want %s", at, event)
			}
			answers = append(answers, got)
		}
		want := map[bool]string{false: "unknown_topic", true: "forbidden"}[secret]
		if got := answers[0]; got.Type != "error" || got.Code != want {
			t.Errorf("secret %v: the unknown event was answered with %+v", secret, got)
		}
		if secret && (answers[0].Code != answers[1].Code || answers[0].Message != answers[1].Message) {
			t.Errorf("unknown and forbidden differ: %+v", answers)
		}
		if got := s.answer(s.ask("subscribe", `,"topic":"event:broken"`)); got.Code != "internal" || strings.Contains(got.Message, "cannot tell") {
			t.Errorf("where the answer could not be had: %+v", got)
		}
		s.subscribe("e")
		r.publish("b")
		s.sees("e", "a", r.publish("a"))
		if s.at("closed", "b") != 0 {
			t.Error("a position of the forbidden event came")
		}
	}
}

func TestTooManySubscriptions(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}, "f": {"b"}, "g": {"c"}}, func(su *setup) { su.live.MaxSubscriptions = 2 })
	s := r.spectator("")
	s.subscribe("e")
	s.subscribe("f")
	if got := s.answer(s.ask("subscribe", `,"topic":"event:g"`)); got.Code != "too_many_subscriptions" {
		t.Errorf("one too many was answered with %+v", got)
	}
	if got := s.answer(s.ask("subscribe", `,"topic":"event:f","interval":1000`)); got.Type != "subscribed" || got.IntervalMs != 1000 {
		t.Errorf("a change was answered with %+v", got)
	}
	s.answer(s.ask("unsubscribe", `,"topic":"event:e"`))
	s.subscribe("g")
	s.sees("g", "c", r.publish("a", "c"))
}

func TestRateLimited(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 0.001, 3 })
	r.srv.throttleTime = time.Millisecond
	s := r.spectator("")
	for n := range 6 {
		want := "pong"
		if n >= 3 {
			want = "error"
		}
		if got := s.answer(s.ask("ping", "")); got.Type != want || want == "error" && got.Code != "rate_limited" {
			t.Errorf("request %d of a burst of 3 was answered with %+v", n+1, got)
		}
	}
}

func TestIntervals(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	s := r.spectator("")
	for n, c := range []struct{ ask, want int }{
		{1, 250}, {250, 250}, {251, 500}, {500, 500}, {700, 1000}, {1001, 2000}, {2001, 5000}, {5000, 5000},
		{5001, 10000}, {10001, 30000}, {30001, 60000}, {60001, 60000}, {1<<31 - 1, 60000}, {0, 5}, {250, 250},
	} {
		got := s.answer(s.ask("subscribe", fmt.Sprintf(`,"topic":"event:e","interval":%d`, c.ask)))
		parts := 0
		if n == 0 {
			parts = 2
		}
		if got.IntervalMs != c.want || got.Parts != parts {
			t.Errorf("interval %d was answered with %d and %d parts, want %d and %d", c.ask, got.IntervalMs, got.Parts, c.want, parts)
		}
	}
	// At 250 ms the newest wins: in any run of updates a device comes once per
	// tick at most, and the last one comes.
	begin, before := time.Now(), s.frames()
	var last int64
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for range 100 {
		<-pace.C
		last = r.publish("a")
	}
	s.sees("e", "a", last)
	ticks := int(time.Since(begin)/(250*time.Millisecond)) + 2
	if n := s.frames() - before; n > ticks {
		t.Errorf("%d updates of a device in %v at 250 ms, want at most %d", n, time.Since(begin), ticks)
	}
	if n := s.snapshots("e"); n != 2 {
		t.Errorf("%d snapshot parts, want 2", n)
	}
}

// A subscribe that comes while the unsubscribe before it is under way waits for
// it: the screens check that nothing comes in between.
func TestSubscribeAfterUnsubscribe(t *testing.T) {
	t.Parallel()
	devices := names(10)
	r := start(t, map[string][]string{"e": devices})
	w := r.wire()
	const rounds = 200
	for n := range rounds {
		r.publish(devices...)
		w.send(append(text(fmt.Sprintf(`{"type":"subscribe","id":"s%d","topic":"event:e"}`, n)),
			text(fmt.Sprintf(`{"type":"unsubscribe","id":"u%d","topic":"event:e"}`, n))...))
		if n%10 == 9 { // no more than may wait
			w.until(fmt.Sprintf(`"unsubscribed","id":"u%d"`, n))
		}
	}
	w.subscribe("e")
	r.publish(devices...)
	w.readUntil("the newest", func() bool { return w.screen.shows(r, "e", devices) })
	if got := len(w.screen.those(func(f said) bool { return f.Type == "unsubscribed" })); got != rounds {
		t.Errorf("%d answers to %d unsubscribes", got, rounds)
	}
}

// Clients that come and go while positions flow and the roster changes end with
// what is true.
func TestSubscribersComeAndGo(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices})
	var all []*spectator
	for n := range 60 {
		r.publish(devices...)
		s := r.spectator(shapesOf[n%2].query)
		s.ask("subscribe", `,"topic":"event:e"`)
		all = append(all, s)
		if n%3 == 0 {
			_ = all[n/2].ws.CloseNow()
		}
		if n%7 == 0 {
			r.swap(map[string][]string{"e": devices[n%3:]})
		}
	}
	r.swap(map[string][]string{"e": devices})
	r.publish(devices...)
	for _, s := range all {
		testenv.Eventually(t, patience, "everybody to see the newest", func() bool { return s.ended() || s.shows(r, "e", devices) })
	}
}
