package live

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// Every request of a flood is answered, with pong or with rate_limited.
func TestRequestFlood(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	by := r.spectator("")
	by.subscribe("e")
	w := r.wire()
	const n = 3000
	go func() {
		var all []byte
		for i := range n {
			all = append(all, text(fmt.Sprintf(`{"type":"ping","id":"%d"}`, i))...)
		}
		_, _ = w.conn.Write(all)
	}()
	answers := 0
	for answers < n {
		_, p := w.frame()
		if !strings.Contains(p, `"pong"`) && !strings.Contains(p, `"rate_limited"`) {
			t.Fatalf("a ping was answered with %s", p)
		}
		answers++
	}
	w.send(text(`{"type":"ping","id":"last"}`))
	if _, p := w.frame(); !strings.Contains(p, `"last"`) {
		t.Errorf("the flood was answered more than once: %s", p)
	}
	by.sees("e", "a", r.publish("a"))
}

// A client that asks and asks and never reads is held back: what it is owed stays
// within its budget, what it asked waits within its own, and the rest is not read.
// When it reads, every request is answered, in order.
func TestFloodWaitsForItsReader(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, tight)
	by := r.spectator("")
	by.subscribe("e")
	w := r.slow("")
	s := r.newest()
	const n = 20_000
	sent := make(chan error, 1)
	go func() {
		var all []byte
		for i := range n {
			all = append(all, text(fmt.Sprintf(`{"type":"ping","id":"p%d"}`, i))...)
		}
		_, err := w.conn.Write(all)
		sent <- err
	}()
	testenv.Eventually(t, patience, "the client to be held back", func() bool { return s.inbox.paused() && s.resume.Load() })
	for range 100 {
		by.sees("e", "a", r.publish("a"))
		if replies, waiting := s.replies.Load(), s.inbox.held(); replies > maxReplyBytes+1024 || waiting > maxInboxBytes+4096 {
			t.Fatalf("%d bytes of replies are not read, %d bytes of requests wait", replies, waiting)
		}
	}
	for i := range n {
		if _, p := w.frame(); !strings.Contains(p, fmt.Sprintf(`"pong","id":"p%d"`, i)) {
			t.Fatalf("ping %d was answered with %s", i, p)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	testenv.Eventually(t, patience, "everything to be repaid", func() bool { return s.replies.Load() == 0 && s.inbox.held() == 0 })
}

// One that never reads at all ends by the write time-out, although the server
// does not read it either.
func TestFloodThatIsNeverReadEnds(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, tight, func(su *setup) { su.live.WriteTimeout = 50 * time.Millisecond })
	by := r.spectator("")
	by.subscribe("e")
	w := r.slow("")
	flood := bytes.Repeat(text(`{"type":"ping","id":"x"}`), 50)
	for {
		if _, err := w.conn.Write(flood); err != nil {
			break // it has been closed
		}
	}
	r.gone(1)
	if n := r.closes(4408); n != 1 {
		t.Errorf("%d connections are counted as closed with 4408, want 1", n)
	}
	by.sees("e", "a", r.publish("a"))
	r.held(0)
}

// A client that is not read, since its requests wait for the platform, cannot be
// seen to answer pings. It stays; when it is closed, its reader does not wait on.
func TestClientThatIsNotReadIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	answer := make(chan struct{})
	r.rule.ask = func(context.Context, string) error { <-answer; return nil }
	defer close(answer)
	for _, end := range []func(*session, *wire){
		func(s *session, w *wire) { s.close(4401, "session expired"); w.closed(4401) },
		func(s *session, _ *wire) { s.cut() },
	} {
		w := r.wire()
		s := r.newest()
		w.send(bytes.Repeat(text(`{"type":"subscribe","id":"s","topic":"event:e"}`), 2*maxInboxMessages))
		testenv.Eventually(t, patience, "the client not to be read", s.inbox.paused)
		ping := shard.NewControl([]byte{0x80 | 0x9, 0})
		for range 5 {
			testenv.Eventually(t, patience, "everything to be written", func() bool { n, _ := s.conn.Queued(); return n == 0 })
			s.ping(ping)
		}
		if s.closing() {
			t.Error("closed for pings that it cannot answer")
		}
		end(s, w)
		r.gone(0)
	}
}

// Every request of a client that lags is answered, also where the answers are
// more than one system call takes.
func TestManyRepliesWhileLagged(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight)
	f := r.flowOf("e", "", devices)
	w := r.slow("")
	w.subscribe("e")
	s := r.newest()
	f.untilLagged(s)
	const n = 2000
	var flood []byte
	for i := range n {
		flood = append(flood, text(fmt.Sprintf(`{"type":"ping","id":"p%d"}`, i))...)
	}
	w.send(flood)
	for answers := 0; answers < n; {
		if _, p := w.frame(); strings.Contains(p, `"pong"`) || strings.Contains(p, `"rate_limited"`) {
			answers++
		}
	}
	f.level(w)
	f.whole()
}

// Subscribing again and again without reading does not make the server keep a
// snapshot for each.
func TestSnapshotsThatAreNotRead(t *testing.T) {
	t.Parallel()
	devices := names(100)
	r := start(t, map[string][]string{"e": devices}, tight)
	f := r.flowOf("e", "", devices)
	f.step()
	w := r.slow("")
	s := r.newest()
	const rounds = 300
	most := 0
	for n := range rounds {
		w.send(append(text(fmt.Sprintf(`{"type":"subscribe","id":"s%d","topic":"event:e"}`, n)),
			text(fmt.Sprintf(`{"type":"unsubscribe","id":"u%d","topic":"event:e"}`, n))...))
		if n%10 == 9 {
			f.step()
		}
		_, bytes := s.conn.Queued()
		most = max(most, bytes)
	}
	snapshot := len(devices) * 300
	t.Logf("at most %d bytes unread; a snapshot is about %d", most, snapshot)
	if most > tightRing+3*snapshot {
		t.Errorf("%d bytes are unread after %d subscribes; a snapshot is about %d", most, rounds, snapshot)
	}
	for answers := 0; answers < 2*rounds; {
		if _, p := w.frame(); strings.HasPrefix(p, `{"type":"subscribed"`) || strings.HasPrefix(p, `{"type":"unsubscribed"`) || strings.HasPrefix(p, `{"type":"error"`) {
			answers++
		}
	}
	w.send(text(`{"type":"ping","id":"last"}`))
	w.until(`"pong","id":"last"`)
	f.whole()
}

// Of many pings while the socket is full the newest is answered, and data comes
// whole around the answers.
func TestPingsUnderBackPressure(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight)
	f := r.flowOf("e", "", devices)
	w := r.slow("")
	w.subscribe("e")
	for cycle := range 5 {
		f.untilLagged(r.newest())
		for n := range 100 {
			w.send(masked(fin|opPing, fmt.Sprintf("%d.%d", cycle, n)))
		}
		want, pongs := fmt.Sprintf("%d.99", cycle), 0
		for {
			op, p := w.frame()
			if op != opPong {
				continue
			}
			if pongs++; p == want {
				break
			}
		}
		f.level(w)
		t.Logf("%d pongs for 100 pings", pongs)
	}
	w.send(masked(fin|opPing, strings.Repeat("x", 125)))
	for {
		if op, p := w.frame(); op == opPong {
			if p != strings.Repeat("x", 125) {
				t.Errorf("the pong holds %q", p)
			}
			break
		}
	}
	f.whole()
}

// What has come of a message counts until the message is whole, and what is
// announced beyond what is taken does not.
func TestMessagesThatAreBegunCount(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	w := r.wire()
	s := r.newest()
	whole := text(`{"type":"ping","id":"whole"` + strings.Repeat(" ", 3000) + `}`)
	for range 2 {
		w.send(whole[:2000])
		testenv.Eventually(t, patience, "the message to count", func() bool { return s.arriving.Load() == 4096 })
		w.send(whole[2000:])
		w.until(`"id":"whole"`)
		testenv.Eventually(t, patience, "the message to be over", func() bool { return s.arriving.Load() == 0 })
	}
	w.send(header(fin|opText, 1<<40))
	w.closed(1009)
	if n := s.arriving.Load(); n > 8192 {
		t.Errorf("%d bytes count for a message that is refused", n)
	}
}
