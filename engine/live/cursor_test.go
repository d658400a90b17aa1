package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// source is what several rigs know of one stream. Its clock can be moved.
type source struct {
	mu    sync.Mutex
	epoch uint64
	ahead time.Duration
	lost  bool // how far it is, is not known
}

func (x *source) arrivals() Arrivals {
	x.mu.Lock()
	defer x.mu.Unlock()
	a := Arrivals{Epoch: x.epoch, Difference: -x.ahead.Milliseconds()}
	if !x.lost {
		a.Through = time.Now().Add(x.ahead).UnixMilli()
	}
	return a
}

// change changes what the source tells.
func (x *source) change(f func(*source)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(x)
}

// startResuming starts a rig with events e and f that issues cursors.
func startResuming(t *testing.T, x *source, change ...func(*setup)) *rig {
	t.Helper()
	r := start(t, map[string][]string{"e": {"a", "b", "c"}, "f": {"d"}}, append([]func(*setup){func(su *setup) {
		su.live.Arrivals, su.live.RingMaxAge = x.arrivals, time.Second
	}}, change...)...)
	eventually(t, "its history to begin", func() bool { return r.srv.cursors.now.Load() != nil })
	return r
}

// cursor asks for a cursor of the moment now or later, by the source's clock.
func (s *spectator) cursor(x *source) string {
	s.t.Helper()
	now, found := x.arrivals().Through/1000, ""
	eventually(s.t, "a cursor", func() bool {
		found = s.awaitAnswer(s.request("ping", `,"cursor":true`)).Cursor
		c, ok := parseCursor(found, "e")
		return ok && c.second >= now
	})
	return found
}

// comeBack subscribes to e with a cursor, and returns the reasons and devices of the
// snapshots.
func (r *rig) comeBack(query, since string) (reasons, devices []string) {
	r.t.Helper()
	s := r.connect(query, nil)
	got := s.awaitAnswer(s.request("subscribe", fmt.Sprintf(`,"topic":"event:e","since":%q`, since)))
	if got.Type != "subscribed" || got.Parts != r.core.Shards() {
		r.t.Fatalf("got %+v", got)
	}
	var parts []serverFrame
	eventually(r.t, "the snapshot", func() bool {
		parts = s.framesWhere(func(f serverFrame) bool { return f.Type == "snapshot" })
		return len(parts) >= got.Parts
	})
	for _, f := range parts {
		reasons = append(reasons, f.Reason)
		for _, p := range f.Positions {
			devices = append(devices, p.DeviceID)
		}
	}
	slices.Sort(reasons)
	slices.Sort(devices)
	return slices.Compact(reasons), devices
}

// A client comes back to another instance with the cursor of a pong. It gets what has
// changed since.
func TestResumeAtAnotherInstance(t *testing.T) {
	t.Parallel()
	x := &source{epoch: 7}
	a, b := startResuming(t, x), startResuming(t, x)
	for _, r := range []*rig{a, b} {
		r.publish("a", "b", "c")
	}
	x.change(func(x *source) { x.ahead = time.Minute })
	for _, query := range []string{"", "batch=1"} {
		s := a.watch(query, "e")
		cursor := s.cursor(x)
		if got := s.awaitAnswer(s.request("ping", "")).Cursor; got != "" {
			t.Errorf("a ping that asks for none got the cursor %q", got)
		}
		x.change(func(x *source) { x.ahead += time.Minute })
		eventually(t, "the clock to move", func() bool { return b.core.ServerTime() >= x.arrivals().Through-1000 })
		b.publish("b")
		reasons, devices := b.comeBack(query, cursor)
		if fmt.Sprint(reasons, devices) != "[resume] [b]" {
			t.Errorf("%s: got %v with %v, want a resume with b", query, reasons, devices)
		}
	}
}

// A cursor that is of no use is ignored: the client gets a whole snapshot, never an error.
func TestUselessCursorsBringWholeSnapshots(t *testing.T) {
	t.Parallel()
	x := &source{epoch: 7}
	r := startResuming(t, x)
	r.publish("a", "b", "c")
	x.change(func(x *source) { x.ahead = time.Minute })
	s := r.watch("", "e")
	good := s.cursor(x)
	if reasons, _ := r.comeBack("", good); fmt.Sprint(reasons) != "[resume]" {
		t.Fatalf("a good cursor brings %v: this test shows nothing", reasons)
	}
	c, _ := parseCursor(good, "e")
	for name, cursor := range map[string]string{
		"empty": "", "no base64": "*", "short": good[:len(good)-3], "changed": "B" + good[1:], "long": good + good,
		"another topic": cursorText(c, "f"), "no topic": cursorText(c),
		"another epoch": cursorText(issued{c.epoch + 1, c.second}, "e"),
		"the future":    cursorText(issued{c.epoch, c.second + 3600}, "e"),
		"far future":    cursorText(issued{c.epoch, 1<<63 - 1}, "e"),
		"the past":      cursorText(issued{c.epoch, c.second - 3600}, "e"),
		"before time":   cursorText(issued{c.epoch, -1 << 63}, "e"),
		"other text":    strings.Repeat("A", 1000),
	} {
		if reasons, devices := r.comeBack("", cursor); fmt.Sprint(reasons, devices) != "[subscribe] [a b c]" {
			t.Errorf("%s: got %v with %v, want a whole snapshot", name, reasons, devices)
		}
	}
	x.change(func(x *source) { x.epoch = 8 })
	eventually(t, "the new epoch", func() bool { return r.srv.cursors.now.Load().epoch == 8 })
	if reasons, _ := r.comeBack("", good); fmt.Sprint(reasons) != "[subscribe]" {
		t.Errorf("a cursor from before the failover brings %v", reasons)
	}
}

// A cursor does not promise more than was sent. It does not advance while the sources
// cannot be followed, or while a shard has a batch to take in. There is no cursor while a
// position with a future time is shown, or while the connection lags. The interval of a
// subscription makes its cursors that much older.
func TestCursorsPromiseNoMoreThanWasSent(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.RingMaxAge = time.Second })
	r.publish("a")
	s := r.watch("", "e")
	cursor := func() string { return s.awaitAnswer(s.request("ping", `,"cursor":true`)).Cursor }
	second := func() int64 { return r.srv.cursors.now.Load().second }
	now := time.Now().UnixMilli()
	advance := func(through int64) int64 {
		r.srv.cursors.advance(r.core, Arrivals{Epoch: 7, Through: through})
		return second()
	}
	if got := cursor(); got != "" {
		t.Errorf("the cursor %q without any Arrivals", got)
	}
	eventually(t, "the first cursor", func() bool { return advance(now) == now/1000 })
	if c, ok := parseCursor(cursor(), "e"); !ok || c.second != now/1000 {
		t.Errorf("the cursor says %d (%t), want %d", c.second, ok, now/1000)
	}
	for range 10 {
		if got := advance(0); got != now/1000 {
			t.Fatalf("the cursor went from %d to %d while nothing was known", now/1000, got)
		}
	}
	advance(now + 2000)
	r.srv.cursors.delivered[0] += 100 // as if a shard had not taken in what it was given
	for range 10 {
		if got := advance(now + 2000); got != now/1000 {
			t.Fatalf("the cursor went from %d to %d before everything was taken in", now/1000, got)
		}
	}
	r.srv.cursors.underWay = false
	eventually(t, "the next cursor", func() bool { return advance(now+2000) == now/1000+2 })

	slow := r.connect("", nil)
	slow.awaitAnswer(slow.request("subscribe", `,"topic":"event:e","interval":60000`))
	if c, ok := parseCursor(slow.awaitAnswer(slow.request("ping", `,"cursor":true`)).Cursor, "e"); !ok || c.second != second()-60 {
		t.Errorf("the cursor of an interval of 60 s says %d (%t), the others %d", c.second, ok, second())
	}
	conn := newUnreadConn(t)
	lagging := &session{srv: r.srv}
	lagging.conn = conn.conn
	topic, _ := r.core.Watch("e")
	subs := []*subscription{{topic: topic}}
	if lagging.cursor(subs...) == "" {
		t.Error("no cursor of a connection that has lost nothing")
	}
	eventually(t, "a connection that nobody reads to lag", conn.publish)
	if got := lagging.cursor(subs...); got != "" {
		t.Errorf("the cursor %q of a connection that has lost something", got)
	}

	r.srv.cursors.advance(r.core, Arrivals{Epoch: 7, Through: now, Difference: 3_600_000}) // the server's clock is late
	if got := cursor(); got != "" {
		t.Errorf("the cursor %q while a position from the future is shown", got)
	}
}

// unreadConn is a connection of a core of its own, without a writer.
type unreadConn struct {
	core *shard.Core
	conn *shard.Conn
	ts   int64
}

func newUnreadConn(t *testing.T) *unreadConn {
	core, err := shard.New(shard.Config{Shards: 1, RingSlots: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = core.Run(ctx) })
	t.Cleanup(func() { end(); run.Wait() })
	if err := core.Swap(ctx, shard.Roster{Pairs: []shard.Pair{{Device: "a", Event: "e"}}}); err != nil {
		t.Fatal(err)
	}
	c := &unreadConn{core: core, conn: core.NewConn(0, false, nil), ts: time.Now().UnixMilli()}
	topic, _ := core.Watch("e")
	core.Subscribe(c.conn, topic, 0, func() {})
	return c
}

// publish sends a position, and reports whether the connection lags.
func (c *unreadConn) publish() bool {
	c.ts++
	b := c.core.AcquireBatch()
	b.Positions = append(b.Positions, codec.Position{DeviceID: "a", TS: c.ts, Arrival: c.ts, Lat: 1, Lon: 1})
	return c.core.Deliver(context.Background(), 0, b) == nil && c.conn.Behind()
}
