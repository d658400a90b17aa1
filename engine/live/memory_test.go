package live

import (
	"bytes"
	"testing"

	"pitwall/engine/internal/testenv"
)

// all calls f for every session.
func (r *rig) all(f func(*session)) {
	r.srv.sessions.Range(func(_ uint64, s *session) bool {
		f(s)
		return true
	})
}

// inAll is what connections hold now.
func (r *rig) inAll() int64 {
	total, _ := r.srv.held()
	return total
}

// subscribing connects clients that subscribe and do not read the answer, and
// waits until as many hold more than so many bytes.
func (r *rig) subscribing(clients int, event string, bytes int) (wires []*wire) {
	r.t.Helper()
	for range clients {
		w := r.slow("")
		w.send(text(`{"type":"subscribe","id":"s","topic":"event:` + event + `"}`))
		wires = append(wires, w)
	}
	testenv.Eventually(r.t, patience, "snapshots to wait for all of them", func() bool {
		n := 0
		r.all(func(s *session) {
			if _, unsent := s.conn.Queued(); unsent > bytes {
				n++
			}
		})
		return n == clients
	})
	return wires
}

// A crowd that has subscribed to a large event at once shares one snapshot: it
// is not closed, however many times the snapshot would be too much.
func TestCrowdThatSharesASnapshotIsNotShed(t *testing.T) {
	const clients, limit = 100, 4 << 20
	devices := names(1000) // 300 KB
	r := start(t, map[string][]string{"e": devices}, tight)
	r.publishWith(padding, devices...)
	wires := r.subscribing(clients, "e", 200_000)
	r.publishWith(padding, devices...) // and the snapshot is not kept for others any more
	if r.srv.enforceOnce(limit, false) || r.srv.m.shed.Get() != 0 {
		t.Errorf("%d connections were closed", r.srv.m.shed.Get())
	}
	t.Logf("%d bytes are held", r.srv.queued.Load())
	for _, w := range wires {
		w.readUntil("the newest", func() bool { return w.screen.shows(r, "e", devices) })
	}
}

// Connections that are closed and not gone yet are not closed, nor counted,
// again; nor are others closed in their place.
func TestShedCountsOnce(t *testing.T) {
	const clients, pings = 8, 2000
	r := start(t, nil, tight)
	var flood []byte
	for range pings {
		flood = append(flood, text(`{"type":"ping","id":"x"}`)...)
	}
	for range clients {
		r.slow("").send(flood)
	}
	testenv.Eventually(t, patience, "all of them to be held back", func() bool {
		n := 0
		r.all(func(s *session) {
			if s.resume.Load() {
				n++
			}
		})
		return n == clients
	})
	limit := r.inAll() * 3 / 4
	r.srv.enforceOnce(limit, false)
	first := r.srv.m.shed.Get()
	for look := range 3 {
		if n := r.srv.m.shed.Get(); n != first || n != r.closes(1008) || n == 0 || n > clients*2/3 {
			t.Errorf("after look %d: %d are counted as shed, %d are closed, of %d", look+1, n, r.closes(1008), clients)
		}
		r.srv.enforceOnce(limit, false)
	}
	var open []holding
	r.all(func(s *session) { open = append(open, holding{s, s.private(), 0}) })
	before, closing := r.srv.m.shed.Get(), uint64(0)
	for _, l := range open {
		if l.s.closing() {
			closing++
		}
	}
	r.srv.closeLargest(open, 1<<40, 1) // those as well that are closed since the list was made
	if n := r.srv.m.shed.Get() - before; n != uint64(len(open))-closing {
		t.Errorf("%d more are counted as shed, of %d that were not closed", n, uint64(len(open))-closing)
	}
	r.gone(0)
	if n := r.srv.m.shed.Get(); n != r.closes(1008) || n != clients {
		t.Errorf("%d are counted as shed, %d as closed with 1008, of %d", n, r.closes(1008), clients)
	}
}

// Those who hold most are closed, and no more than need be.
func TestShedClosesWhoHoldsMost(t *testing.T) {
	devices := names(1000)
	r := start(t, map[string][]string{"small": devices[:200], "large": devices}, tight)
	r.publishWith(padding, devices...)
	modest := r.subscribing(10, "small", 0)
	greedy := r.subscribing(1, "large", 200_000)[0]
	s := r.newest()
	r.srv.closeLargest(r.loads(), 1, 1)
	greedy.closed(1008)
	if !s.closing() || r.srv.m.shed.Get() != 1 {
		t.Errorf("%d connections were closed; who holds most: %v", r.srv.m.shed.Get(), s.closing())
	}
	for _, w := range modest {
		w.readUntil("the newest", func() bool { return w.screen.shows(r, "small", devices[:200]) })
	}
}

// loads are the loads of all, as relieve finds them.
func (r *rig) loads() (open []holding) {
	r.all(func(s *session) {
		_, queued := s.conn.Queued()
		open = append(open, holding{s, s.private(), int64(queued)})
	})
	return open
}

// What connections share comes back with the last of them: round after round
// closes more, until the memory that is really held is below the bound.
func TestSharedMemoryIsShedInRounds(t *testing.T) {
	const clients = 20
	devices := names(1000)
	r := start(t, map[string][]string{"e": devices}, tight)
	r.publishWith(padding, devices...)
	r.subscribing(clients, "e", 200_000)
	keeps := r.spectator("")
	keeps.subscribe("e")
	ts := r.publishWith(padding, devices...) // the old snapshot is theirs alone now
	keeps.sees("e", devices[len(devices)-1], ts)
	limit, again, rounds := int64(100_000), false, 0
	testenv.Eventually(t, patience, "the memory to be given back", func() bool {
		before := r.srv.m.shed.Get()
		again = r.srv.enforceOnce(limit, again)
		if r.srv.m.shed.Get() > before {
			rounds++
		}
		return r.srv.queued.Load() <= limit
	})
	if n := r.srv.m.shed.Get(); n != clients {
		t.Errorf("%d connections were closed, of %d that had the snapshot", n, clients)
	}
	if again {
		t.Error("more are to be closed when all is well")
	}
	if rounds > 5 {
		t.Errorf("it took %d rounds: they do not go by what is shared", rounds)
	}
	t.Logf("%d rounds", rounds)
	ts = r.publish(devices[0])
	keeps.sees("e", devices[0], ts)
}

// With floods of clients that do not read, the server stays within its bound,
// and others are served; those who flood are told nothing until they read, and
// end by the write time-out or the bound.
func TestQueuedBytesAreBounded(t *testing.T) {
	const clients, limit = 20, 200_000
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight, func(su *setup) { su.live.Limits.QueuedBytes = limit })
	f := r.flowOf("e", "", devices)
	flood := bytes.Repeat(text(`{"type":"ping","id":"x"}`), 2000)
	var wires []*wire
	for range clients {
		wires = append(wires, r.slow(""))
	}
	for _, w := range wires {
		_, _ = w.conn.Write(flood) // it may be closed meanwhile
	}
	shed := r.set.GetOrCreateCounter("processor_live_shed_connections_total")
	testenv.Eventually(t, patience, "the bound to be kept", func() bool {
		f.step()
		return shed.Get() > 0 && r.srv.queued.Load() <= limit && r.inAll() <= limit
	})
	f.whole()
	r.wire() // and there is room again
}
