package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestWelcome(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.Heartbeat = 25 * time.Second })
	s := r.watch("")
	f := s.awaitFrame("the welcome", func(serverFrame) bool { return true })
	if f.Type != "welcome" || f.Protocol != 1 || f.Instance != "test" || f.HeartbeatMs != 25000 {
		t.Errorf("got %+v, want the welcome of instance test, protocol 1, heartbeat 25000 ms", f)
	}
}

func TestSubscribe(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a", "b", "c"}, "none": {}})
	r.publish("a", "b")
	s := r.watch("")
	got := s.subscribe("e")
	if want := (serverFrame{Type: "subscribed", ID: "1", Topic: "event:e", Devices: 3, Parts: 2, IntervalMs: 5}); !sameSubscribed(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !s.shows(r, "e", []string{"a", "b"}) {
		t.Error("the snapshot does not show the last values")
	}
	s.awaitPosition("e", "c", r.publish("a", "c"))
	got = s.subscribe("none")
	if want := (serverFrame{Type: "subscribed", ID: "2", Topic: "event:none", Parts: 2, IntervalMs: 5}); !sameSubscribed(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}

	// The second subscribe has no id, and brings no snapshot.
	s.send(`{"type":"subscribe","topic":"event:e"}`)
	again := func(f serverFrame) bool { return f.Type == "subscribed" && f.ID == "" }
	if got := s.awaitFrame("an answer without an id", again); got.Parts != 0 || got.Devices != 3 {
		t.Errorf("got %+v, want 3 devices and no parts", got)
	}
	s.awaitAnswer(s.request("ping", ""))
	if n := s.snapshots("e"); n != 2 {
		t.Errorf("got %d snapshot parts, want the 2 of the first subscribe", n)
	}
}

// sameSubscribed compares two subscribed frames.
func sameSubscribed(a, b serverFrame) bool {
	return a.Type == b.Type && a.ID == b.ID && a.Topic == b.Topic && a.Devices == b.Devices && a.Parts == b.Parts && a.IntervalMs == b.IntervalMs
}

// snapshots is how many snapshot parts of an event have come.
func (s *screen) snapshots(event string) int {
	return len(s.framesWhere(func(f serverFrame) bool { return f.Type == "snapshot" && f.Topic == "event:"+event }))
}

func TestPingAndUnsubscribe(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	s := r.watch("")
	if got := s.awaitAnswer(s.request("ping", "")); got.Type != "pong" {
		t.Errorf("ping was answered with %+v, want pong", got)
	}
	s.send(`{"type":"ping"}`)
	s.awaitFrame("a pong without an id", func(f serverFrame) bool { return f.Type == "pong" && f.ID == "" })
	for _, topic := range []string{"event:e", "event:unknown"} {
		got := s.awaitAnswer(s.request("unsubscribe", `,"topic":"`+topic+`"`))
		if got.Type != "unsubscribed" || got.Topic != topic {
			t.Errorf("unsubscribe from %s, which is not subscribed, was answered with %+v, want unsubscribed", topic, got)
		}
	}
	if got := s.awaitAnswer(s.request("unsubscribe", `,"topic":"nonsense"`)); got.Type != "error" || got.Code != "bad_request" {
		t.Errorf("unsubscribe from what is not a topic was answered with %+v, want bad_request", got)
	}
	s.subscribe("e")
	s.send(`{"type":"unsubscribe","topic":"event:e"}`)
	s.awaitFrame("an answer without an id", func(f serverFrame) bool { return f.Type == "unsubscribed" && f.ID == "" })
	if n := r.srv.m.subscriptions.Get(); n != 0 {
		t.Errorf("%v subscriptions are counted, want 0", n)
	}
}

func TestBadRequests(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	w := r.rawClient()
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
		_, p := w.nextFrame()
		log := w.screen.framesWhere(func(serverFrame) bool { return true })
		if f := log[len(log)-1]; f.Type != "error" || f.Code != "bad_request" || f.ID != c.id || f.Message == "" {
			t.Errorf("request %d, %q, was answered with %s, want bad_request with id %q and a message", i, c.send, p, c.id)
		}
	}
	w.send(masked(fin|opBinary, `{"type":"ping","id":"7"}`))
	w.awaitText(`"bad_request"`)
	w.send(text(`{"type":"ping","id":"still here"}`))
	w.awaitText(`"pong","id":"still here"`)
}

// Where not all events are public, unknown and forbidden events get the same answer
// at the same cost.
func TestUnknownAndForbidden(t *testing.T) {
	for _, private := range []bool{false, true} {
		r := start(t, map[string][]string{"e": {"a"}, "denied": {"b"}}, func(su *setup) {
			su.rule.private, su.rule.denied = private, map[string]bool{"denied": true}
		})
		asked := make(chan string, 10)
		r.rule.ask = func(_ context.Context, event string) error {
			asked <- event
			if event == "broken" {
				return errors.New("cannot tell")
			}
			return nil
		}
		s := r.watch("")
		var answers []serverFrame
		for _, event := range []string{"unknown", "denied"} {
			got := s.awaitAnswer(s.request("subscribe", `,"topic":"event:`+event+`"`))
			if at := <-asked; at != event {
				t.Errorf("asked about %s, want %s", at, event)
			}
			answers = append(answers, got)
		}
		want := map[bool]string{false: "unknown_topic", true: "forbidden"}[private]
		if got := answers[0]; got.Type != "error" || got.Code != want {
			t.Errorf("private %v: the unknown event was answered with %+v, want %s", private, got, want)
		}
		if private && (answers[0].Code != answers[1].Code || answers[0].Message != answers[1].Message) {
			t.Errorf("unknown and forbidden events were answered with %+v, want equal code and message", answers)
		}
		if got := s.awaitAnswer(s.request("subscribe", `,"topic":"event:broken"`)); got.Code != "internal" || strings.Contains(got.Message, "cannot tell") {
			t.Errorf("without an access decision: got %+v, want code internal and not the error", got)
		}
		s.subscribe("e")
		r.publish("b")
		s.awaitPosition("e", "a", r.publish("a"))
		if s.shownTS("denied", "b") != 0 {
			t.Error("got a position of the forbidden event, want none")
		}
	}
}

func TestTooManySubscriptions(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}, "f": {"b"}, "g": {"c"}}, func(su *setup) { su.live.MaxSubscriptions = 2 })
	s := r.watch("", "e", "f")
	if got := s.awaitAnswer(s.request("subscribe", `,"topic":"event:g"`)); got.Code != "too_many_subscriptions" {
		t.Errorf("one subscribe too many was answered with %+v, want too_many_subscriptions", got)
	}
	if got := s.awaitAnswer(s.request("subscribe", `,"topic":"event:f","interval":1000`)); got.Type != "subscribed" || got.IntervalMs != 1000 {
		t.Errorf("a change of the interval was answered with %+v, want subscribed with 1000 ms", got)
	}
	s.awaitAnswer(s.request("unsubscribe", `,"topic":"event:e"`))
	s.subscribe("g")
	s.awaitPosition("g", "c", r.publish("a", "c"))
}

func TestRateLimited(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.RequestRate, su.live.RequestBurst = 0.001, 3 })
	r.srv.throttleTime = time.Millisecond
	s := r.watch("")
	for n := range 6 {
		want := "pong"
		if n >= 3 {
			want = "error"
		}
		if got := s.awaitAnswer(s.request("ping", "")); got.Type != want || want == "error" && got.Code != "rate_limited" {
			t.Errorf("request %d with a burst of 3 was answered with %+v, want %s", n+1, got, want)
		}
	}
}

func TestIntervals(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	s := r.watch("")
	for n, c := range []struct{ ask, want int }{
		{1, 250}, {250, 250}, {251, 500}, {500, 500}, {700, 1000}, {1001, 2000}, {2001, 5000}, {5000, 5000},
		{5001, 10000}, {10001, 30000}, {30001, 60000}, {60001, 60000}, {1<<31 - 1, 60000}, {0, 5}, {250, 250},
	} {
		got := s.awaitAnswer(s.request("subscribe", fmt.Sprintf(`,"topic":"event:e","interval":%d`, c.ask)))
		parts := 0
		if n == 0 {
			parts = 2
		}
		if got.IntervalMs != c.want || got.Parts != parts {
			t.Errorf("interval %d was answered with interval %d and %d parts, want %d and %d", c.ask, got.IntervalMs, got.Parts, c.want, parts)
		}
	}
	// At 250 ms a device comes once per tick at most, with its newest position, and
	// the last position comes.
	begin, before := time.Now(), s.frameCount()
	var last int64
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for range 100 {
		<-pace.C
		last = r.publish("a")
	}
	s.awaitPosition("e", "a", last)
	ticks := int(time.Since(begin)/(250*time.Millisecond)) + 2
	if n := s.frameCount() - before; n > ticks {
		t.Errorf("got %d updates of a device in %v at 250 ms, want %d at most", n, time.Since(begin), ticks)
	}
	if n := s.snapshots("e"); n != 2 {
		t.Errorf("got %d snapshot parts, want 2", n)
	}
}

// A subscribe that comes while an unsubscribe is under way waits for it. The screen
// checks that nothing comes in between.
func TestSubscribeAfterUnsubscribe(t *testing.T) {
	t.Parallel()
	devices := deviceNames(10)
	r := start(t, map[string][]string{"e": devices})
	w := r.rawClient()
	const rounds = 200
	for n := range rounds {
		r.publish(devices...)
		w.send(append(text(fmt.Sprintf(`{"type":"subscribe","id":"s%d","topic":"event:e"}`, n)),
			text(fmt.Sprintf(`{"type":"unsubscribe","id":"u%d","topic":"event:e"}`, n))...))
		if n%10 == 9 { // more requests would be too many at once
			w.awaitText(fmt.Sprintf(`"unsubscribed","id":"u%d"`, n))
		}
	}
	w.subscribe("e")
	r.publish(devices...)
	w.readUntil("the newest positions", func() bool { return w.screen.shows(r, "e", devices) })
	if got := len(w.screen.framesWhere(func(f serverFrame) bool { return f.Type == "unsubscribed" })); got != rounds {
		t.Errorf("got %d answers to unsubscribes, want %d", got, rounds)
	}
}

// Clients that come and go while positions are published and the roster changes show
// the newest positions in the end.
func TestSubscribersComeAndGo(t *testing.T) {
	t.Parallel()
	devices := deviceNames(20)
	r := start(t, map[string][]string{"e": devices})
	var all []*spectator
	for n := range 60 {
		r.publish(devices...)
		s := r.watch(encodings[n%2].query)
		s.request("subscribe", `,"topic":"event:e"`)
		all = append(all, s)
		if n%3 == 0 {
			_ = all[n/2].ws.CloseNow()
		}
		if n%7 == 0 {
			r.setRoster(map[string][]string{"e": devices[n%3:]})
		}
	}
	r.setRoster(map[string][]string{"e": devices})
	r.publish(devices...)
	for _, s := range all {
		eventually(t, "all screens to show the newest positions", func() bool { return s.ended() || s.shows(r, "e", devices) })
	}
}
