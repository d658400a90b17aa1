package live

import (
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// A client that does not answer pings is closed with 1008 after the second. One that
// answers stays.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.Heartbeat = 500 * time.Millisecond })
	library := r.spectator("")
	silent, answers := r.wire(), r.wire()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for { // until the test closes the connection
			op, p, err := answers.read()
			if err != nil || op == opPing && !answers.answer(p) {
				return
			}
		}
	}()
	pings := 0
	for {
		op, p := silent.frame()
		if op == opPing {
			pings++
			continue
		}
		if op != opClose || p[:2] != "\x03\xf0" {
			t.Fatalf("got %x %q, want close 1008", op, p)
		}
		break
	}
	if pings != 2 {
		t.Errorf("%d pings before the close, want 2", pings)
	}
	testenv.Eventually(t, patience, "the silent one to go", func() bool { return r.srv.Connections() == 2 })
	begin := time.Now()
	testenv.Eventually(t, patience, "five more heartbeats", func() bool { return time.Since(begin) > 5*500*time.Millisecond })
	if n := r.srv.Connections(); n != 2 {
		t.Errorf("%d connections left, want the 2 that answer", n)
	}
	library.subscribe("e")
	_ = answers.conn.Close()
	<-ended
}

// answer sends a pong; false when the connection has ended.
func (w *wire) answer(payload string) bool {
	_, err := w.conn.Write(masked(fin|opPong, payload))
	return err == nil
}

// A connection with unsent bytes is not judged by its pongs.
func TestHeartbeatSkipsSlowClients(t *testing.T) {
	t.Parallel()
	devices := names(20)
	const beat = 300 * time.Millisecond
	r := start(t, map[string][]string{"e": devices}, tight, func(su *setup) { su.live.Heartbeat = beat })
	f := r.flowOf("e", "", devices)
	w := r.slow("")
	w.subscribe("e")
	s := r.newest()
	for range 2 {
		f.untilLagged(s)
		begin := time.Now()
		testenv.Eventually(t, patience, "six heartbeats", func() bool { return time.Since(begin) > 6*beat })
		if n := r.srv.Connections(); n != 2 {
			t.Fatalf("%d connections left of 2", n)
		}
		done := false
		for !done { // reads and answers, as a client does that was busy
			op, p := w.frame()
			if op == opPing {
				w.answer(p)
			}
			live, conflated := w.screen.count("e")
			done = w.screen.shows(r, "e", devices) && live+conflated == f.sent
		}
	}
	f.whole()
}
