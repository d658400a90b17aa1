package live

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// When a client has had more snapshots than its allowance covers, its next
// subscribe waits, and so does every request after it. Its live positions go on,
// others are not delayed, and it may leave.
func TestSnapshotsBeyondTheAllowanceWait(t *testing.T) {
	for _, size := range []int{10, 3000} { // built in one step, and in several
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			devices := deviceNames(size)
			r := start(t, map[string][]string{"e": devices, "f": {"other"}}, func(su *setup) {
				su.live.SnapshotRate, su.live.SnapshotBurst = 1, 1 // one second per byte
			})
			r.publish(devices...)
			s := r.watch("", "e")
			session := r.newestSession()
			eventually(t, "the snapshot to be charged", func() bool { return session.paidUntil.Load() > 0 })
			left := time.Duration(session.paidUntil.Load() - r.core.Now())
			if least := time.Duration(size*len(`{"deviceId":"d","ts":1,"lat":1,"lon":5}`))*time.Second - patience; left < least {
				t.Errorf("the next snapshot is due in %v, want %v or more", left, least)
			}
			s.request("subscribe", `,"topic":"event:f"`)
			ping := s.request("ping", "")
			eventually(t, "the subscribe to wait", func() bool { return r.srv.m.heldSubscribes.Get() == 1 })
			s.awaitPosition("e", devices[0], r.publish(devices[0]))
			if got := s.framesWhere(func(f serverFrame) bool { return f.ID == ping || f.Topic == "event:f" }); len(got) > 0 {
				t.Errorf("the waiting requests were answered with %+v, want no answer", got)
			}
			r.watch("", "f")
			_ = s.ws.CloseNow()
			r.awaitConnections(1)
		})
	}
}

// A client that subscribes again and again gets snapshots at the rate of its
// allowance, and is not closed.
func TestSnapshotsComeAtTheirRate(t *testing.T) {
	t.Parallel()
	// The rate is so low that subscribes wait on a busy machine, too.
	const rate, burst, rounds = 20 << 10, 20 << 10, 10
	devices := deviceNames(100)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) {
		su.live.SnapshotRate, su.live.SnapshotBurst = rate, burst
	})
	r.publish(devices...)
	began := time.Now()
	w := r.rawClient()
	total, largest := 0, 0
	for n := range rounds {
		w.send(append(text(`{"type":"subscribe","topic":"event:e"}`), text(fmt.Sprintf(`{"type":"unsubscribe","id":"%d","topic":"event:e"}`, n))...))
		once := 0
		for done := false; !done; {
			op, p := w.nextFrame()
			if op == opClose {
				t.Fatalf("got close frame %q, want snapshots", p)
			}
			if strings.Contains(p, `"type":"snapshot"`) {
				once += len(p)
			}
			done = strings.Contains(p, fmt.Sprintf(`"unsubscribed","id":"%d"`, n))
		}
		total += once
		largest = max(largest, once)
	}
	if most := burst + largest + int(time.Since(began).Seconds()*rate); total > most {
		t.Errorf("got %d bytes of snapshots, want %d at most", total, most)
	}
	if least := rounds * len(devices) * 30; total < least {
		t.Errorf("got %d bytes of snapshots for %d subscribes, want %d or more", total, rounds, least)
	}
	if r.srv.m.heldSubscribes.Get() == 0 {
		t.Error("no subscribe has waited, want some")
	}
}

// The allowance does not limit ordinary use: a client subscribes to as many topics
// as it may, changes their intervals, and comes back on a new connection.
func TestAllowanceCoversOrdinaryUse(t *testing.T) {
	const most = 64
	roster := map[string][]string{}
	for n := range most {
		roster[fmt.Sprint("e", n)] = deviceNames(20)
	}
	r := start(t, roster, func(su *setup) {
		su.live.MaxSubscriptions, su.live.SnapshotRate, su.live.SnapshotBurst = most, 1<<20, 16<<20
	})
	r.publish(deviceNames(20)...)
	for range 3 {
		s := r.watch("batch=1")
		for n := range most {
			s.request("subscribe", fmt.Sprintf(`,"topic":"event:e%d"`, n))
		}
		for n := range most {
			s.request("subscribe", fmt.Sprintf(`,"topic":"event:e%d","interval":1000`, n))
		}
		s.awaitAnswer(fmt.Sprint(2 * most))
		_ = s.ws.CloseNow()
	}
	if n := r.srv.m.heldSubscribes.Get(); n != 0 {
		t.Errorf("%d subscribes have waited, want 0", n)
	}
}
