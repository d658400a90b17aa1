package shard

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pitwall/codec"
)

// returner is a spectator by the rules of the protocol's page, who watches one event on
// one instance after the other. It keeps its screen and comes back with its cursor.
type returner struct {
	t        testing.TB
	event    string
	interval time.Duration
	batch    bool
	deflate  bool

	at      *client // nil while it is away
	begun   bool    // the subscribe has been carried out
	shown   map[string]int64
	cursor  int64 // the second up to which it has seen everything; 0 for none
	next    int64 // takes over once the snapshot is complete
	missing int   // parts of it
	whole   bool
	seen    map[string]bool
	resumed int // times that it came back without a whole snapshot
}

// arrive subscribes on r, with the cursor that r issues now.
func (v *returner) arrive(r *rig, issued int64) {
	c := r.client(v.batch)
	if v.deflate {
		c.conn.AcceptDeflate()
	}
	c.sees = v.frame
	v.at, v.begun = c, false
	t, ok := r.core.Watch(v.event)
	if !ok {
		v.t.Fatalf("event %q does not exist", v.event)
	}
	c.held[v.event] = t
	since := v.cursor
	v.cursor, v.next = 0, issued
	v.subscribed()
	begun := func() { v.begun = true }
	if since == 0 || !r.core.CanResume(t, since) {
		r.core.Subscribe(c.conn, t, v.interval, begun)
		return
	}
	r.core.Resume(c.conn, t, v.interval, since, func(complete bool) {
		if complete {
			v.resumed++
			begun()
			return
		}
		answer := NewControl(codec.AppendSubscribed(nil, "", t.Name(), 0, len(r.core.workers), 0, ""))
		v.next = 0
		r.core.Unsubscribe(c.conn, t, answer, func() { r.core.Subscribe(c.conn, t, v.interval, begun) })
	})
}

// leave cuts the connection, with all that is in its queue.
func (v *returner) leave() {
	c := v.at
	v.at = nil
	c.conn.Close()
	for _, t := range c.held {
		c.r.core.Unwatch(t)
	}
	c.r.core.Leave(c.conn, func() {})
	v.missing = 0
}

func (v *returner) subscribed() {
	v.missing, v.whole, v.seen = v.shards(), true, map[string]bool{}
}

func (v *returner) shards() int { return len(v.at.r.core.workers) }

// frame shows a frame.
func (v *returner) frame(b []byte) {
	f, err := parseFrame(b)
	if err != nil {
		v.t.Fatal(err)
	}
	if f.Type == "subscribed" {
		v.subscribed()
		v.cursor, v.next = 0, 0
	}
	for _, d := range f.Removed {
		delete(v.shown, d)
		delete(v.seen, d)
	}
	if f.Type == "position" {
		f.Positions = []point{f.point}
	}
	asItIs := f.Reason == "subscribe" || f.Reason == "corrected"
	for _, p := range f.Positions {
		v.seen[p.DeviceID] = true
		if old, ok := v.shown[p.DeviceID]; asItIs || !ok || p.TS >= old {
			v.shown[p.DeviceID] = p.TS
		}
	}
	if f.Reason == "resume" {
		v.whole = false
	}
	if f.Reason != "subscribe" && f.Reason != "resume" {
		return
	}
	if v.missing--; v.missing > 0 {
		return
	}
	v.cursor = v.next
	if v.whole {
		maps.DeleteFunc(v.shown, func(d string, _ int64) bool { return !v.seen[d] })
	}
}

// differs compares the screen with what it must show.
func (v *returner) differs(members map[string]bool, last map[string]int64) (wrong []string) {
	for d, in := range members {
		if at, ok := v.shown[d]; in && at != last[d] || !in && ok {
			wrong = append(wrong, d)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// rest connects all clients, lets everything come to rest and compares the screens.
func (w *resumeWorld) rest() {
	for _, s := range w.stations {
		for s.read < len(w.stream) || s.done < len(w.changes) {
			s.follow(w, 10)
		}
		s.settle()
	}
	for _, v := range w.clients {
		if v.at == nil {
			w.move(v, w.stations[w.rng.IntN(len(w.stations))])
		}
	}
	for range 8 {
		w.pass(Intervals[3])
		w.settleAll()
		for _, v := range w.clients {
			v.at.read()
		}
		w.settleAll()
	}
	last := map[string]int64{}
	for _, d := range w.devices {
		if x := w.correction(d); x.Good != nil {
			last[d] = x.Good.TS
		}
	}
	for i, v := range w.clients {
		if wrong := v.differs(w.members[v.event], last); len(wrong) > 0 || v.missing > 0 {
			w.t.Errorf("client %d of %s (resumed %d times): %v are wrong, %d parts are missing:\n%v, want\n%v",
				i, v.event, v.resumed, wrong, v.missing, fmt.Sprint(v.shown), fmt.Sprint(last))
		}
	}
}

// checkHistories checks the bounds of what the instance remembers.
func (s *station) checkHistories() {
	for _, k := range s.core.workers {
		sum := 0
		for e := k.histories.Front(); e != nil; e = e.Next() {
			h := &e.Value.(*topicShard).history
			sum += h.bytes
			if len(h.marks) > maxMarks || h.listed != e {
				s.t.Errorf("%d marks, listed %t", len(h.marks), h.listed == e)
			}
		}
		if sum != k.historyBytes || sum > s.core.historyBytes {
			s.t.Errorf("%d bytes of histories, counted as %d, allowed %d", sum, k.historyBytes, s.core.historyBytes)
		}
	}
}
