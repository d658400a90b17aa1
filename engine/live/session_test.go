package live

import (
	"fmt"
	"strings"
	"testing"
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
