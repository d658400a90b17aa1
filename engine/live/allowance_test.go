package live

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// A client that has drawn more than its allowance waits with its next subscribe,
// and with what it asks for afterwards. The live flow goes on, others do not
// notice, and it may leave.
func TestSnapshotsBeyondTheAllowanceWait(t *testing.T) {
	for _, size := range []int{10, 3000} { // built in one turn, and in slices
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			devices := names(size)
			r := start(t, map[string][]string{"e": devices, "f": {"other"}}, func(su *setup) {
				su.live.SnapshotRate, su.live.SnapshotBurst = 1, 1 // a second for each byte
			})
			r.publish(devices...)
			s := r.spectator("")
			s.subscribe("e")
			session := r.newest()
			testenv.Eventually(t, patience, "the snapshot to be charged", func() bool { return session.paidUntil.Load() > 0 })
			left := time.Duration(session.paidUntil.Load() - r.core.Now())
			if least := time.Duration(size*len(`{"deviceId":"d","ts":1,"lat":1,"lon":5}`))*time.Second - patience; left < least {
				t.Errorf("%v are to be paid for, want %v or more", left, least)
			}
			s.ask("subscribe", `,"topic":"event:f"`)
			ping := s.ask("ping", "")
			testenv.Eventually(t, patience, "the subscribe to wait", func() bool { return r.srv.m.held.Get() == 1 })
			s.sees("e", devices[0], r.publish(devices[0]))
			if got := s.those(func(f said) bool { return f.ID == ping || f.Topic == "event:f" }); len(got) > 0 {
				t.Errorf("the waiting requests were answered with %+v", got)
			}
			other := r.spectator("")
			other.subscribe("f")
			_ = s.ws.CloseNow()
			r.gone(1)
		})
	}
}

// A client that subscribes and unsubscribes without end gets as many bytes as
// its allowance has by then, and is never sent away.
func TestSnapshotsAreDrawnAtTheirRate(t *testing.T) {
	const rate, burst = 200 << 10, 20 << 10
	devices := names(100)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) {
		su.live.SnapshotRate, su.live.SnapshotBurst = rate, burst
	})
	r.publish(devices...)
	began := time.Now()
	w := r.wire()
	drawn, largest := 0, 0
	for n := range 20 {
		w.send(append(text(`{"type":"subscribe","topic":"event:e"}`), text(fmt.Sprintf(`{"type":"unsubscribe","id":"%d","topic":"event:e"}`, n))...))
		once := 0
		for done := false; !done; {
			op, p := w.frame()
			if op == opClose {
				t.Fatalf("closed with %q", p)
			}
			if strings.Contains(p, `"type":"snapshot"`) {
				once += len(p)
			}
			done = strings.Contains(p, fmt.Sprintf(`"unsubscribed","id":"%d"`, n))
		}
		drawn += once
		largest = max(largest, once)
	}
	if most := burst + largest + int(time.Since(began).Seconds()*rate); drawn > most {
		t.Errorf("%d bytes of snapshots were drawn, allowed were %d", drawn, most)
	}
	if drawn < 20*100*30 {
		t.Errorf("%d bytes of snapshots for 20 subscribes to 100 devices", drawn)
	}
	if r.srv.m.held.Get() == 0 {
		t.Error("no subscribe has waited")
	}
}

// An honest client does not notice: it subscribes to all that it may at once,
// changes its intervals, and comes back on a new connection.
func TestAllowanceCoversOrdinaryUse(t *testing.T) {
	const most = 64
	roster := map[string][]string{}
	for n := range most {
		roster[fmt.Sprint("e", n)] = names(20)
	}
	r := start(t, roster, func(su *setup) {
		su.live.MaxSubscriptions, su.live.SnapshotRate, su.live.SnapshotBurst = most, 1<<20, 16<<20
	})
	r.publish(names(20)...)
	for range 3 {
		s := r.spectator("batch=1")
		for n := range most {
			s.ask("subscribe", fmt.Sprintf(`,"topic":"event:e%d"`, n))
		}
		for n := range most {
			s.ask("subscribe", fmt.Sprintf(`,"topic":"event:e%d","interval":1000`, n))
		}
		s.answer(fmt.Sprint(2 * most))
		_ = s.ws.CloseNow()
	}
	if n := r.srv.m.held.Get(); n != 0 {
		t.Errorf("%d subscribes have waited", n)
	}
}
