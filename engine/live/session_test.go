package live

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Every request of a flood is answered once, with pong or rate_limited.
func TestRequestFlood(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	other := r.watch("", "e")
	w := r.rawClient()
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
		_, p := w.nextFrame()
		if !strings.Contains(p, `"pong"`) && !strings.Contains(p, `"rate_limited"`) {
			t.Fatalf("a ping was answered with %s, want pong or rate_limited", p)
		}
		answers++
	}
	w.send(text(`{"type":"ping","id":"last"}`))
	if _, p := w.nextFrame(); !strings.Contains(p, `"last"`) {
		t.Errorf("after %d answers came %s, want the answer to the last ping", n, p)
	}
	other.awaitPosition("e", "a", r.publish("a"))
}

// The server stops reading from a client that does not read its answers, once the
// unsent replies or the waiting requests reach their limits. When the client reads,
// every request is answered, in order.
func TestFloodWaitsUntilItsAnswersAreRead(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, smallBuffers)
	other := r.watch("", "e")
	w := r.slowClient("")
	s := r.newestSession()
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
	eventually(t, "the server to stop reading", func() bool { return s.inbox.paused() && s.resume.Load() })
	for range 100 {
		other.awaitPosition("e", "a", r.publish("a"))
		if replies, waiting := s.replies.Load(), s.inbox.held(); replies > maxReplyBytes+1024 || waiting > maxInboxBytes+4096 {
			t.Fatalf("%d bytes of replies are unsent and %d bytes of requests wait, want about %d and %d at most", replies, waiting, maxReplyBytes, maxInboxBytes)
		}
	}
	for i := range n {
		if _, p := w.nextFrame(); !strings.Contains(p, fmt.Sprintf(`"pong","id":"p%d"`, i)) {
			t.Fatalf("ping %d was answered with %s, want its pong", i, p)
		}
	}
	if err := <-sent; err != nil {
		t.Errorf("sending the flood: %v", err)
	}
	eventually(t, "nothing to be counted for the client", func() bool { return s.replies.Load() == 0 && s.inbox.held() == 0 })
}

// A client that never reads its answers is closed by the write timeout, although the
// server does not read from it either.
func TestFloodWithoutReadingEndsByTheWriteTimeout(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, smallBuffers, func(su *setup) { su.live.WriteTimeout = 50 * time.Millisecond })
	other := r.watch("", "e")
	w := r.slowClient("")
	flood := bytes.Repeat(text(`{"type":"ping","id":"x"}`), 50)
	for {
		if _, err := w.conn.Write(flood); err != nil {
			break // the server has closed the connection
		}
	}
	r.awaitConnections(1)
	if n := r.closeCount(4408); n != 1 {
		t.Errorf("%d connections are counted as closed with 4408, want 1", n)
	}
	other.awaitPosition("e", "a", r.publish("a"))
	r.awaitHeldBytes(0)
}

// A client whose requests wait for access decisions is not read, so its answers to
// pings are not seen. It is not closed for that. When it is closed, its reader ends.
func TestClientThatIsNotReadIsNotClosedForPings(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	answer := make(chan struct{})
	r.rule.ask = func(context.Context, string) error { <-answer; return nil }
	defer close(answer)
	for _, end := range []func(*session, *rawClient){
		func(s *session, w *rawClient) { s.close(4401, "session expired"); w.awaitClose(4401) },
		func(s *session, _ *rawClient) { s.cut() },
	} {
		w := r.rawClient()
		s := r.newestSession()
		w.send(bytes.Repeat(text(`{"type":"subscribe","id":"s","topic":"event:e"}`), 2*maxInboxMessages))
		eventually(t, "the server to stop reading", s.inbox.paused)
		for range 5 {
			s.pingIdle(t)
		}
		if s.closing() {
			t.Error("the client was closed for pings whose answers are not read")
		}
		end(s, w)
		r.awaitConnections(0)
	}
}

// Every request of a client that lags is answered, even if the answers need several
// system calls.
func TestManyRepliesWhileLagged(t *testing.T) {
	t.Parallel()
	f, w, s := startSlow(t, encodings[0], raceRoster())
	f.publishUntilLagged(s)
	const n = 2000
	var flood []byte
	for i := range n {
		flood = append(flood, text(fmt.Sprintf(`{"type":"ping","id":"p%d"}`, i))...)
	}
	w.send(flood)
	for answers := 0; answers < n; {
		if _, p := w.nextFrame(); strings.Contains(p, `"pong"`) || strings.Contains(p, `"rate_limited"`) {
			answers++
		}
	}
	f.awaitCaughtUp(w)
	f.wantNoLoss()
}

// A client that subscribes again and again without reading does not make the server
// hold a snapshot for each subscribe.
func TestSnapshotsThatAreNotRead(t *testing.T) {
	t.Parallel()
	devices := deviceNames(100)
	r := start(t, map[string][]string{"e": devices}, smallBuffers)
	f := r.newFeed("e", "", devices)
	f.publish()
	w := r.slowClient("")
	s := r.newestSession()
	const rounds = 300
	most := 0
	for n := range rounds {
		w.send(append(text(fmt.Sprintf(`{"type":"subscribe","id":"s%d","topic":"event:e"}`, n)),
			text(fmt.Sprintf(`{"type":"unsubscribe","id":"u%d","topic":"event:e"}`, n))...))
		if n%10 == 9 {
			f.publish()
		}
		_, bytes := s.conn.Queued()
		most = max(most, bytes)
	}
	snapshot := len(devices) * 300
	t.Logf("at most %d bytes were unsent; a snapshot has about %d", most, snapshot)
	if most > smallRing+3*snapshot {
		t.Errorf("%d bytes are unsent after %d subscribes, want %d at most", most, rounds, smallRing+3*snapshot)
	}
	for answers := 0; answers < 2*rounds; {
		if _, p := w.nextFrame(); strings.HasPrefix(p, `{"type":"subscribed"`) || strings.HasPrefix(p, `{"type":"unsubscribed"`) || strings.HasPrefix(p, `{"type":"error"`) {
			answers++
		}
	}
	w.send(text(`{"type":"ping","id":"last"}`))
	w.awaitText(`"pong","id":"last"`)
	f.wantNoLoss()
}

// Of many ping frames while the socket is full, at least the newest is answered. The
// frames around the answers are whole.
func TestPingsUnderBackPressure(t *testing.T) {
	t.Parallel()
	f, w, s := startSlow(t, encodings[0], raceRoster())
	for cycle := range 5 {
		f.publishUntilLagged(s)
		for n := range 100 {
			w.send(masked(fin|opPing, fmt.Sprintf("%d.%d", cycle, n)))
		}
		want, pongs := fmt.Sprintf("%d.99", cycle), 0
		for {
			op, p := w.nextFrame()
			if op != opPong {
				continue
			}
			if pongs++; p == want {
				break
			}
		}
		f.awaitCaughtUp(w)
		t.Logf("%d pongs for 100 pings", pongs)
	}
	w.send(masked(fin|opPing, strings.Repeat("x", 125)))
	for {
		if op, p := w.nextFrame(); op == opPong {
			if p != strings.Repeat("x", 125) {
				t.Errorf("got a pong with payload %q, want that of the ping", p)
			}
			break
		}
	}
	f.wantNoLoss()
}

// The part of a message that has come is counted until the message is whole. A length
// above the limit is not counted.
func TestIncompleteMessagesAreCounted(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	w := r.rawClient()
	s := r.newestSession()
	whole := text(`{"type":"ping","id":"whole"` + strings.Repeat(" ", 3000) + `}`)
	for range 2 {
		w.send(whole[:2000])
		eventually(t, "the incomplete message to be counted", func() bool { return s.arriving.Load() == 4096 })
		w.send(whole[2000:])
		w.awaitText(`"id":"whole"`)
		eventually(t, "nothing to be counted", func() bool { return s.arriving.Load() == 0 })
	}
	w.send(header(fin|opText, 1<<40))
	w.awaitClose(1009)
	if n := s.arriving.Load(); n > 8192 {
		t.Errorf("%d bytes are counted for a message that was refused, want 8192 at most", n)
	}
}
