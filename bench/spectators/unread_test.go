package spectators

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pitwall/bench/internal/wire"
)

// someCheck is a group of which the clients 0, 2 and 4 check what they are sent.
func someCheck(t *testing.T) *byHand {
	t.Helper()
	cfg := testConfig("")
	cfg.CheckEvery = 2
	return newByHand(t, cfg)
}

// TestUnread: clients that do not check receive the same, and count the bytes.
func TestUnread(t *testing.T) {
	h := someCheck(t)
	clear(h.seen)
	list, last := published(time.Now())
	h.d.send(append(list[:9:9], list[10:]...)) // one is missing
	h.published = last
	h.until("all bytes, and no record missing at the clients that check", func() bool {
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

// TestPongs: within the time of one round, each client that does not check sends a
// pong, and no other client does.
func TestPongs(t *testing.T) {
	h := someCheck(t)
	now := time.Now()
	for range pongEvery / pongStep {
		h.sendPongs(now)
		now = now.Add(pongStep)
	}
	for i := 0; i < doubleClients; i += 2 { // after any pong that should not be there
		h.send(&h.clients[i], wire.Ping, []byte("mark"))
	}
	const pong, mark = 6, 6 + 4 // bytes, masked
	h.until("pongs and marks", func() bool {
		h.d.mu.Lock()
		defer h.d.mu.Unlock()
		pongs, marks := 0, 0
		for _, n := range h.d.received {
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

// TestTurnsOfPongs: the turns go round within the time, however long the turns of
// the loop are, and within the server's heartbeat.
func TestTurnsOfPongs(t *testing.T) {
	const clients = 1000
	for _, heartbeat := range []time.Duration{0, 25 * time.Second, 3 * time.Second} {
		for _, turn := range []time.Duration{pongStep, 7 * pongStep} {
			s := &Group{cfg: Config{CheckEvery: 2}, clients: make([]client, clients), pongWithin: pongEvery, pongAt: time.Now()}
			s.welcome(heartbeat)
			turns, now := 0, s.pongAt
			for end := now.Add(s.pongWithin); now.Before(end); {
				now = now.Add(turn)
				before := s.ponged
				s.sendPongs(now)
				turns += (s.ponged - before + clients) % clients
			}
			if turns < clients || turns > clients+clients/4+int(s.pongWithin/turn) {
				t.Errorf("heartbeat %v, turns of the loop %v: %d turns of %d clients within %v", heartbeat, turn, turns, clients, s.pongWithin)
			}
			if heartbeat == 3*time.Second && s.pongWithin != heartbeat {
				t.Errorf("heartbeat %v: each client sends a pong within %v", heartbeat, s.pongWithin)
			}
		}
	}
}

// TestUnreadAreLost: a client that does not check notices that the server closes.
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

// TestWhoChecks: the first client of each event, every CheckEvery-th after it in any
// order, and every slow one.
func TestWhoChecks(t *testing.T) {
	s, err := New(Config{Addr: "127.0.0.1:1", Events: make([]Event, 8), CheckEvery: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	byEvent := map[int32]int{}
	for i := range 8 * 8 * 3 {
		e := int32(i % 8) // if every eighth of all clients checked, it would be event 0 only
		if s.checks(e, false) {
			byEvent[e]++
		}
	}
	if want := "map[0:3 1:3 2:3 3:3 4:3 5:3 6:3 7:3]"; fmt.Sprint(byEvent) != want {
		t.Errorf("%v of the 24 clients of an event check, want %s", byEvent, want)
	}
	if !s.checks(0, true) {
		t.Error("a slow client does not check")
	}
}
