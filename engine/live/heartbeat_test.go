package live

import (
	"testing"
	"time"

	"pitwall/shard"
)

// pingFrame is what the heartbeat sends.
func pingFrame() *shard.Chunk { return shard.NewControl([]byte{0x80 | opPing, 0}) }

// pingIdle pings s as the heartbeat does, once everything is sent.
func (s *session) pingIdle(t *testing.T) {
	t.Helper()
	eventually(t, "everything to be sent", func() bool { n, _ := s.conn.Queued(); return n == 0 })
	s.ping(pingFrame())
}

// The heartbeat pings a client, and closes it if it does not answer.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	r := start(t, nil, func(su *setup) { su.live.Heartbeat = 100 * time.Millisecond })
	w := r.rawClient()
	for range 2 { // how many more come before the close depends on how soon they are sent
		if op, p := w.nextFrame(); op != opPing {
			t.Fatalf("got opcode %#x with payload %q, want a ping", op, p)
		}
	}
	w.awaitClose(1008)
	r.awaitConnections(0)
}

// A client that does not answer is closed after two pings. One that answers stays.
func TestUnansweredPings(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	library := r.watch("")
	answering := []*session{r.newestSession()}
	raw := r.rawClient()
	answering = append(answering, r.newestSession())
	for range 5 {
		for _, s := range answering {
			s.pingIdle(t)
		}
		op, p := raw.nextFrame()
		if op != opPing || !raw.sendPong(p) {
			t.Fatalf("got opcode %#x with payload %q, want a ping that can be answered", op, p)
		}
		for _, s := range answering {
			eventually(t, "the answer to a ping", func() bool { return s.missedPongs.Load() == 0 })
		}
	}
	silent := r.rawClient()
	s := r.newestSession()
	for range 3 {
		s.pingIdle(t)
	}
	for range 2 {
		if op, p := silent.nextFrame(); op != opPing {
			t.Fatalf("got opcode %#x with payload %q, want a ping", op, p)
		}
	}
	if op, p := silent.nextFrame(); op != opClose || p[:2] != "\x03\xf0" {
		t.Fatalf("got opcode %#x with payload %q after 2 pings, want close code 1008", op, p)
	}
	_ = silent.conn.Close()
	r.awaitConnections(2)
	library.subscribe("e")
}

// Pings do not close a client with unsent bytes, which cannot have seen them.
func TestHeartbeatSkipsSlowClients(t *testing.T) {
	t.Parallel()
	f, w, s := startSlow(t, encodings[0], raceRoster())
	for range 2 {
		f.publishUntilLagged(s)
		for range 6 {
			s.ping(pingFrame())
		}
		if s.closing() {
			t.Fatal("the client was closed for pings that it could not see")
		}
		f.awaitCaughtUp(w)
	}
	f.wantNoLoss()
}

// Pings that were not answered before the queue filled are forgotten. They are
// counted from 0 when everything is sent.
func TestUnansweredPingsAreForgottenWhileBytesAreUnsent(t *testing.T) {
	t.Parallel()
	f, w, s := startSlow(t, encodings[0], raceRoster())
	s.pingIdle(t)
	s.pingIdle(t)
	f.publishUntilLagged(s)
	s.ping(pingFrame())
	f.awaitCaughtUp(w)
	s.pingIdle(t)
	s.pingIdle(t)
	w.send(text(`{"type":"ping","id":"there"}`))
	w.awaitText(`"pong","id":"there"`)
	s.pingIdle(t)
	w.awaitClose(1008)
}
