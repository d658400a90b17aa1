package shard

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// rig drives a core by hand: its shards are turned one by one on a clock that
// the test moves, so every interleaving of turns can be written down.
type rig struct {
	t    testing.TB
	core *Core
	now  int64
	wall int64 // ms; arrival of the next position
	seq  uint64
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	r := &rig{t: t, now: 1, wall: 1_700_000_000_000}
	cfg.Now = func() int64 { return r.now }
	if cfg.Window == 0 {
		cfg.Window = 100 * time.Millisecond
	}
	cfg.FutureTolerance = 5 * time.Second
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.core = c
	return r
}

// running is a core whose shards run until the end of the test, with a map.
func running(tb testing.TB, cfg Config, pairs ...Pair) (*Core, context.Context) {
	core, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- core.Run(ctx) }()
	tb.Cleanup(func() { stop(); <-ended })
	if err := core.Swap(ctx, Roster{Pairs: pairs}); err != nil {
		tb.Fatal(err)
	}
	return core, ctx
}

// pass lets time go by, without a turn.
func (r *rig) pass(d time.Duration) {
	r.now += int64(d)
	r.wall += d.Milliseconds()
}

// settle turns every shard until nothing is left to do now.
func (r *rig) settle() {
	for range 2 { // once more: what the turns of the others have sent
		for _, w := range r.core.workers {
			r.turn(w.id)
			for w.turn(nil) <= r.now {
			}
		}
	}
}

// turn gives shard i one turn per batch that waits, and one more.
func (r *rig) turn(i int) {
	w := r.core.workers[i]
	for {
		select {
		case b := <-w.batches:
			w.turn(b)
			continue
		default:
		}
		break
	}
	w.turn(nil)
}

// roster puts a map in force: event -> devices. Events may be empty.
func (r *rig) roster(m map[string][]string) {
	r.t.Helper()
	r.swap(m)
	r.settle()
}

// swap does the same, but leaves applying the map to the turns to come.
func (r *rig) swap(m map[string][]string) {
	r.t.Helper()
	var ro Roster
	for e, ds := range m {
		ro.Events = append(ro.Events, e)
		for _, d := range ds {
			ro.Pairs = append(ro.Pairs, Pair{d, e})
		}
	}
	// Swap waits for the shards, which this goroutine turns: the ended context
	// makes it leave them to us.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.core.Swap(ctx, ro); err == nil {
		r.t.Fatal("Swap did not wait for the shards")
	}
}

// swapped reports whether every shard has applied the last map.
func (r *rig) swapped() bool {
	select {
	case <-r.core.swapping:
		return true
	default:
		return false
	}
}

// send delivers one position to its shard; it is not taken in before a turn.
func (r *rig) send(device string, ts int64) {
	r.sendPosition(codec.Position{DeviceID: device, TS: ts, Arrival: r.wall, Lat: float64(ts % 90), Lon: 1})
}

func (r *rig) sendPosition(p codec.Position) {
	r.t.Helper()
	if r.seq++; p.Seq == 0 {
		p.Seq = r.seq
	}
	b := r.core.AcquireBatch()
	b.Positions = append(b.Positions, p)
	if err := r.core.Deliver(context.Background(), r.core.ShardOf(p.DeviceID), b); err != nil {
		r.t.Fatal(err)
	}
}

// client is a spectator of the rig, and its own writer.
type client struct {
	r      *rig
	conn   *Conn
	losses Losses
	held   map[string]*Topic
	screen *screen
	writes int    // reads that brought something
	busy   bool   // a command is under way
	done   func() // called at the end of a subscribe, if set
	lagged bool   // it has been
	told   bool   // its screen has shown the last positions

	deflated int // compressed frames seen
}

func (r *rig) client(batch bool) *client {
	c := &client{r: r, held: map[string]*Topic{}, screen: newScreen(r.t)}
	c.conn = r.core.NewConn(0, batch, c)
	return c
}

func (c *client) subscribe(event string, interval time.Duration) *Topic {
	c.r.t.Helper()
	t := c.held[event]
	if t == nil {
		var ok bool
		if t, ok = c.r.core.Watch(event); !ok {
			c.r.t.Fatalf("event %q is not there", event)
		}
		c.held[event] = t
	}
	c.busy = true
	c.r.core.Subscribe(c.conn, t, interval, func() {
		c.busy = false
		if c.done != nil {
			c.done()
		}
	})
	return t
}

func (c *client) unsubscribe(event string) {
	answer := NewControl(codec.AppendUnsubscribed(nil, "", TopicName(event)))
	t := c.held[event]
	delete(c.held, event)
	c.busy = true
	c.r.core.Unsubscribe(c.conn, t, answer, func() { c.busy = false; c.r.core.Unwatch(t) })
}

// read takes everything the connection has, as a healthy writer would.
func (c *client) read() {
	c.r.t.Helper()
	any := false
	if c.conn.Lagged() {
		c.recover()
	}
	for ch := c.conn.consumer().Take(); ch != nil; ch = c.conn.consumer().Take() {
		c.show(ch)
		c.conn.consumer().Release(ch)
		any = true
	}
	if any {
		c.writes++
	}
	for c.conn.active().Rest() {
		if c.conn.Lagged() && c.conn.ring.Empty() {
			c.recover()
			continue
		}
		for ch := c.conn.consumer().Take(); ch != nil; ch = c.conn.consumer().Take() {
			c.show(ch)
			c.conn.consumer().Release(ch)
		}
	}
	takeAll(c.r.core.Queue(0))
}

// takeAll takes all connections off a run queue, as a writer does.
func takeAll(q *RunQueue) (l ConnList) {
	q.TakeInto(&l, &l, 0)
	return l
}

// recover drops what a lagged connection may lose and asks for the rest.
func (c *client) recover() {
	c.lagged = true
	for ch := c.conn.consumer().Take(); ch != nil; ch = c.conn.consumer().Take() {
		if !c.losses.Drop(ch, 0) {
			c.show(ch)
		}
		c.conn.consumer().Release(ch)
	}
	c.conn.consumer().Recover(&c.losses)
}

func (c *client) show(ch *Chunk) {
	c.r.t.Helper()
	for b := append(append([]byte(nil), ch.Head()...), ch.Body()...); len(b) > 0; {
		n := codec.FrameLen(b)
		c.screen.frame(c.plain(b[:n]))
		b = b[n:]
	}
}

// screen is what a spectator sees, and checks what must always hold.
type screen struct {
	t     testing.TB
	seen  map[string]map[string]int64 // topic -> device -> ts
	ever  map[string]map[string]bool  // topic -> device@ts that was ever shown
	parts map[string]int              // topic -> parts of the subscribe snapshot seen
	comes map[string]bool             // topic and device that a roster frame has announced, not shown since
	gone  map[string]bool             // topic and device that the last roster frame with it has removed

	// known are the devices that may be shown, for each subscription to a topic
	// whose end has not been read: those that were there at the subscribe, and
	// those that a roster frame has announced since. None, or nil: any.
	known           map[string][]map[string]bool
	renewed         map[string]bool     // topics of which subscribed came again
	shownAfterLeave map[string][]string // topic -> device@ts shown after it had left
	log             []string
	all             []frame
}

func newScreen(t testing.TB) *screen {
	return &screen{t: t, seen: map[string]map[string]int64{}, ever: map[string]map[string]bool{}, parts: map[string]int{},
		comes: map[string]bool{}, gone: map[string]bool{}, shownAfterLeave: map[string][]string{},
		known: map[string][]map[string]bool{}, renewed: map[string]bool{}}
}

func (s *screen) frame(b []byte) {
	s.t.Helper()
	f, err := parseFrame(b)
	if err != nil {
		s.t.Fatal(err)
	}
	s.all = append(s.all, f)
	switch f.Type {
	case "position":
		s.position(f.Topic, f.point, true)
		s.log = append(s.log, fmt.Sprintf("%s %s@%d", f.Topic, f.DeviceID, f.TS))
	case "positions":
		for _, p := range f.Positions {
			s.position(f.Topic, p, true)
			s.log = append(s.log, fmt.Sprintf("%s %s@%d", f.Topic, p.DeviceID, p.TS))
		}
	case "snapshot":
		if f.Reason == "subscribe" {
			s.parts[f.Topic]++
		}
		s.log = append(s.log, fmt.Sprintf("%s snapshot %s %d", f.Topic, f.Reason, len(f.Positions)))
		for _, p := range f.Positions {
			if f.Reason == "corrected" { // the one frame that may go back in time
				delete(s.seen[f.Topic], p.DeviceID)
			}
			s.position(f.Topic, p, f.Reason == "subscribe")
		}
	case "roster":
		if len(f.Added)+len(f.Removed) == 0 {
			s.t.Errorf("a roster frame that says nothing: %s", b)
		}
		for _, d := range f.Removed {
			delete(s.seen[f.Topic], d)
			s.gone[f.Topic+" "+d] = true
		}
		for _, d := range f.Added {
			s.comes[f.Topic+" "+d] = true
			delete(s.gone, f.Topic+" "+d)
			if known := s.known[f.Topic]; len(known) > 0 && known[0] != nil {
				known[0][d] = true
			}
		}
		s.log = append(s.log, fmt.Sprintf("%s roster +%v -%v", f.Topic, f.Added, f.Removed))
	case "subscribed": // unasked: the subscription begins again
		s.forget(f.Topic)
		s.renewed[f.Topic] = true
		if known := s.known[f.Topic]; len(known) > 0 {
			known[0] = nil
		}
		s.log = append(s.log, f.Topic+" subscribed")
	case "unsubscribed":
		s.forget(f.Topic)
		delete(s.shownAfterLeave, f.Topic)
		delete(s.renewed, f.Topic)
		if known := s.known[f.Topic]; len(known) > 0 {
			s.known[f.Topic] = known[1:]
		}
		s.log = append(s.log, f.Topic+" unsubscribed")
	default:
		s.t.Fatalf("unexpected frame %q", b)
	}
}

// forget clears the screen of a topic.
func (s *screen) forget(topic string) {
	delete(s.seen, topic)
	delete(s.ever, topic)
	delete(s.parts, topic)
	for _, m := range []map[string]bool{s.gone, s.comes} {
		for name := range m {
			if strings.HasPrefix(name, topic+" ") {
				delete(m, name)
			}
		}
	}
}

// position checks the order rule: never older, and in the live flow never the
// same twice, unless it may add attributes, or the device has joined: a lagged
// screen may have missed that it had left. It notes what is shown of devices that
// have left.
func (s *screen) position(topic string, p point, strict bool) {
	s.t.Helper()
	device, ts := p.DeviceID, p.TS
	strict = strict && len(p.Attributes) == 0
	m := s.seen[topic]
	if m == nil {
		m = map[string]int64{}
		s.seen[topic] = m
	}
	if s.ever[topic] == nil {
		s.ever[topic] = map[string]bool{}
	}
	if known := s.known[topic]; len(known) > 0 && known[0] != nil && !known[0][device] {
		s.t.Fatalf("%s: %s is shown, which had left before the subscribe; log %v", topic, device, s.log)
	}
	s.ever[topic][fmt.Sprintf("%s@%d", device, ts)] = true
	name := topic + " " + device
	if s.gone[name] {
		s.shownAfterLeave[topic] = append(s.shownAfterLeave[topic], fmt.Sprintf("%s@%d", device, ts))
	}
	strict = strict && !s.comes[name]
	delete(s.comes, name)
	if had, ok := m[device]; ok && (ts < had || strict && ts == had) {
		s.t.Fatalf("%s: %s went from %d to %d; log %v", topic, device, had, ts, s.log)
	}
	m[device] = ts
}
