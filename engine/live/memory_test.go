package live

import (
	"bytes"
	"testing"
)

// eachSession calls f for every session.
func (r *rig) eachSession(f func(*session)) {
	r.srv.sessions.Range(func(_ uint64, s *session) bool {
		f(s)
		return true
	})
}

// heldBytes is what connections hold now.
func (r *rig) heldBytes() int64 {
	total, _ := r.srv.held()
	return total
}

// subscribeWithoutReading connects clients that subscribe and do not read the
// answer. It waits until more than so many bytes are unsent for each.
func (r *rig) subscribeWithoutReading(clients int, event string, bytes int) (wires []*rawClient) {
	r.t.Helper()
	for range clients {
		w := r.slowClient("")
		w.send(text(`{"type":"subscribe","id":"s","topic":"event:` + event + `"}`))
		wires = append(wires, w)
	}
	eventually(r.t, "unsent snapshots of all clients", func() bool {
		n := 0
		r.eachSession(func(s *session) {
			if _, unsent := s.conn.Queued(); unsent > bytes {
				n++
			}
		})
		return n == clients
	})
	return wires
}

// Clients that subscribe to a large event at once share one snapshot. It counts
// once, so none is closed, although the sum for all clients is above the limit.
func TestClientsThatShareASnapshotAreNotShed(t *testing.T) {
	const clients, limit = 30, 4 << 20 // 9 MB, if each had its own snapshot
	devices := deviceNames(1000)       // 300 KB
	r := start(t, map[string][]string{"e": devices}, smallBuffers)
	r.publishWith(padding, devices...)
	wires := r.subscribeWithoutReading(clients, "e", 200_000)
	r.publishWith(padding, devices...) // so the snapshot is not kept for other clients
	if r.srv.enforceOnce(limit, false) || r.srv.m.shed.Get() != 0 {
		t.Errorf("%d connections were closed, want 0", r.srv.m.shed.Get())
	}
	t.Logf("%d bytes are held", r.srv.queued.Load())
	for _, w := range wires {
		w.readUntil("the newest positions", func() bool { return w.screen.shows(r, "e", devices) })
	}
}

// Connections that were closed and have not gone yet are neither closed nor counted
// again, and no others are closed instead.
func TestShedCountsOnce(t *testing.T) {
	const clients, pings = 8, 2000
	r := start(t, nil, smallBuffers)
	var flood []byte
	for range pings {
		flood = append(flood, text(`{"type":"ping","id":"x"}`)...)
	}
	for range clients {
		r.slowClient("").send(flood)
	}
	eventually(t, "the requests of all clients to wait", func() bool {
		n := 0
		r.eachSession(func(s *session) {
			if s.resume.Load() {
				n++
			}
		})
		return n == clients
	})
	limit := r.heldBytes() * 3 / 4
	r.srv.enforceOnce(limit, false)
	first := r.srv.m.shed.Get()
	for look := range 3 {
		if n := r.srv.m.shed.Get(); n != first || n != r.closeCount(1008) || n == 0 || n > clients*2/3 {
			t.Errorf("look %d: %d connections are counted as shed and %d as closed, want %d of both, and %d at most", look+1, n, r.closeCount(1008), first, clients*2/3)
		}
		r.srv.enforceOnce(limit, false)
	}
	var open []holding
	r.eachSession(func(s *session) { open = append(open, holding{s, s.private(), 0}) })
	before, closing := r.srv.m.shed.Get(), uint64(0)
	for _, l := range open {
		if l.s.closing() {
			closing++
		}
	}
	r.srv.closeLargest(open, 1<<40, 1) // the list names some that are closed already
	if n := r.srv.m.shed.Get() - before; n != uint64(len(open))-closing {
		t.Errorf("%d more are counted as shed, want %d", n, uint64(len(open))-closing)
	}
	r.awaitConnections(0)
	if n := r.srv.m.shed.Get(); n != r.closeCount(1008) || n != clients {
		t.Errorf("%d are counted as shed and %d as closed with 1008, want %d", n, r.closeCount(1008), clients)
	}
}

// The connections that hold most are closed, and no more than necessary.
func TestShedClosesTheLargest(t *testing.T) {
	devices := deviceNames(1000)
	r := start(t, map[string][]string{"small": devices[:200], "large": devices}, smallBuffers)
	r.publishWith(padding, devices...)
	small := r.subscribeWithoutReading(10, "small", 0)
	large := r.subscribeWithoutReading(1, "large", 200_000)[0]
	s := r.newestSession()
	r.srv.closeLargest(r.holdings(), 1, 1)
	large.awaitClose(1008)
	if !s.closing() || r.srv.m.shed.Get() != 1 {
		t.Errorf("%d connections were closed, the largest %v; want 1, true", r.srv.m.shed.Get(), s.closing())
	}
	for _, w := range small {
		w.readUntil("the newest positions", func() bool { return w.screen.shows(r, "small", devices[:200]) })
	}
}

// holdings is what each connection holds, as enforceOnce finds it.
func (r *rig) holdings() (open []holding) {
	r.eachSession(func(s *session) {
		_, queued := s.conn.Queued()
		open = append(open, holding{s, s.private(), int64(queued)})
	})
	return open
}

// Memory that connections share is freed with the last of them. Each look closes
// more, until the memory that is held is below the limit.
func TestSharedMemoryIsShedInRounds(t *testing.T) {
	const clients = 20
	devices := deviceNames(1000)
	r := start(t, map[string][]string{"e": devices}, smallBuffers)
	r.publishWith(padding, devices...)
	r.subscribeWithoutReading(clients, "e", 200_000)
	watcher := r.watch("", "e")
	ts := r.publishWith(padding, devices...) // so only the clients hold the old snapshot
	watcher.awaitPosition("e", devices[len(devices)-1], ts)
	limit, again, rounds := int64(100_000), false, 0
	eventually(t, "the memory to be freed", func() bool {
		before := r.srv.m.shed.Get()
		again = r.srv.enforceOnce(limit, again)
		if r.srv.m.shed.Get() > before {
			rounds++
		}
		return r.srv.queued.Load() <= limit
	})
	if n := r.srv.m.shed.Get(); n != clients {
		t.Errorf("%d connections were closed, want the %d that hold the snapshot", n, clients)
	}
	if again {
		t.Error("more connections are to be closed below the limit")
	}
	if rounds > 5 {
		t.Errorf("it took %d rounds, want 5 at most", rounds)
	}
	t.Logf("%d rounds", rounds)
	ts = r.publish(devices[0])
	watcher.awaitPosition("e", devices[0], ts)
}

// While clients send floods of requests and do not read, the server keeps its limit
// and serves others.
func TestQueuedBytesAreBounded(t *testing.T) {
	const clients, limit = 20, 200_000
	devices := deviceNames(20)
	r := start(t, map[string][]string{"e": devices}, smallBuffers, func(su *setup) { su.live.Limits.QueuedBytes = limit })
	f := r.newFeed("e", "", devices)
	flood := bytes.Repeat(text(`{"type":"ping","id":"x"}`), 2000)
	var wires []*rawClient
	for range clients {
		wires = append(wires, r.slowClient(""))
	}
	for _, w := range wires {
		_, _ = w.conn.Write(flood) // the server may have closed it
	}
	shed := r.set.GetOrCreateCounter("processor_live_shed_connections_total")
	eventually(t, "the memory held to be within the limit", func() bool {
		f.publish()
		return shed.Get() > 0 && r.srv.queued.Load() <= limit && r.heldBytes() <= limit
	})
	f.wantNoLoss()
	r.rawClient() // and there is room again
}
