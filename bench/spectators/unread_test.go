package spectators

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// someCheck is a group of which the clients 0, 2 and 4 check what they are sent.
func someCheck(t *testing.T) *byHand {
	t.Helper()
	cfg := testConfig("")
	cfg.CheckEvery = 2
	return newByHand(t, cfg)
}

// TestUnread: who does not check is sent the same, and counts its bytes.
func TestUnread(t *testing.T) {
	h := someCheck(t)
	clear(h.seen)
	list, last := published(time.Now())
	h.d.send(append(list[:9:9], list[10:]...)) // one is missing
	h.published = last
	h.until("all bytes, and nobody who does not look to be waited for", func() bool {
		return h.missing() == 0 && !slices.ContainsFunc(h.seen, func(c Counts) bool { return c.Bytes != h.seen[0].Bytes })
	})
	for i, c := range h.seen {
		checks := i%2 == 0
		if want := int64(len(list) - 1); checks && (c.Deliveries != want || c.Gaps != 1 || c.Unread != 0) {
			t.Errorf("client %d, which checks, saw %+v; want %d deliveries and a gap", i, c, want)
		}
		if !checks && (c.Deliveries != 0 || c.Gaps != 0 || c.Unread != c.Bytes) {
			t.Errorf("client %d, which does not check, saw %+v", i, c)
		}
	}
}

// TestUnreadAreHeard within the time in which each has its turn, and nobody
// else is.
func TestUnreadAreHeard(t *testing.T) {
	h := someCheck(t)
	now := time.Now()
	for range unreadEvery / unreadStep {
		h.stayHeard(now)
		now = now.Add(unreadStep)
	}
	for i := 0; i < doubleClients; i += 2 { // behind what should not be
		h.send(&h.clients[i], opPing, []byte("mark"))
	}
	const pong, mark = 6, 6 + 4 // bytes, masked
	h.until("pongs and marks", func() bool {
		h.d.mu.Lock()
		defer h.d.mu.Unlock()
		pongs, marks := 0, 0
		for _, n := range h.d.heard {
			switch {
			case n == mark:
				marks++
			case n > 0 && n%pong == 0:
				pongs++
			}
		}
		return pongs == 2 && marks == 3
	})
}

// TestTurnsToBeHeard go round within the time, whatever the loop's own turns
// take, and within what the server says.
func TestTurnsToBeHeard(t *testing.T) {
	const clients = 1000
	for _, heartbeat := range []time.Duration{0, 25 * time.Second, 3 * time.Second} {
		for _, turn := range []time.Duration{unreadStep, 7 * unreadStep} {
			s := &Group{cfg: Config{CheckEvery: 2}, clients: make([]client, clients), heardIn: unreadEvery, heardAt: time.Now()}
			s.welcome(heartbeat)
			turns, now := 0, s.heardAt
			for end := now.Add(s.heardIn); now.Before(end); {
				now = now.Add(turn)
				before := s.heard
				s.stayHeard(now)
				turns += (s.heard - before + clients) % clients
			}
			if turns < clients || turns > clients+clients/4+int(s.heardIn/turn) {
				t.Errorf("heartbeat %v, loop's turns of %v: %d turns of %d clients within %v", heartbeat, turn, turns, clients, s.heardIn)
			}
			if heartbeat == 3*time.Second && s.heardIn != heartbeat {
				t.Errorf("heartbeat %v: each is heard within %v", heartbeat, s.heardIn)
			}
		}
	}
}

// TestUnreadAreLost when the server closes, like others.
func TestUnreadAreLost(t *testing.T) {
	h := someCheck(t)
	h.d.mu.Lock()
	for _, c := range h.d.conns {
		_ = c.Close()
	}
	h.d.mu.Unlock()
	h.until("all to be gone", func() bool { return h.open == 0 })
	for i, c := range h.seen {
		if c.Lost != 1 {
			t.Errorf("client %d is counted as lost %d times", i, c.Lost)
		}
	}
}

// TestWhoChecks is the first of each event and every so-manieth from there,
// whatever order they come in, and every slow one.
func TestWhoChecks(t *testing.T) {
	s, err := New(Config{Addr: "127.0.0.1:1", Events: make([]Event, 8), CheckEvery: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	byEvent := map[int32]int{}
	for i := range 8 * 8 * 3 {
		e := int32(i % 8) // with every eighth of all, event 0 alone would be checked
		if s.checks(e, false) {
			byEvent[e]++
		}
	}
	if want := "map[0:3 1:3 2:3 3:3 4:3 5:3 6:3 7:3]"; fmt.Sprint(byEvent) != want {
		t.Errorf("%v of the 24 clients of an event check, want %s", byEvent, want)
	}
	if !s.checks(0, true) {
		t.Error("a slow one does not check")
	}
}
