package live

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"slices"
	"sync/atomic"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// Arrivals is what an instance knows of its sources at one moment.
type Arrivals struct {
	// Epoch names the streams and the Redis server. Instances that read the same streams
	// from the same server have the same epoch. Arrivals of two epochs cannot be compared.
	Epoch uint64
	// Restarts counts the moments after which records may come that should have come
	// before, as after a failover.
	Restarts uint64
	// Through is the moment, in ms by the Redis server's clock, up to which all records
	// were delivered to the core, and all changes of the database were applied that bear
	// on what is shown. 0: it is not known.
	Through int64
	// Difference is this machine's clock minus the Redis server's, in ms, as measured.
	Difference int64
}

// resumeMargin is how long before its cursor the changes begin that a resumed client
// gets. It covers what may be lost after a cursor was written (a queue is dropped when it
// is older than RingMaxAge), and the differences of the clocks. Tests change Server.margin.
const resumeMargin = 10 * time.Second

// cursorEvery is how often the cursor advances.
const cursorEvery = 250 * time.Millisecond

// issued is what cursors say at present.
type issued struct {
	epoch  uint64
	second int64 // everything that arrived up to here was sent; 0 for no cursors
}

// cursors follows Arrivals on their way through the core. Its goroutine owns it, except
// for now.
type cursors struct {
	now atomic.Pointer[issued]

	begun           bool // the core has a history
	epoch, restarts uint64

	// One Arrivals is under way: first the shards take in what was delivered, then they
	// flush it.
	underWay  bool
	next      Arrivals
	delivered []uint64
	taken     int64 // when the shards had taken it in, ns of the core's clock; 0 for not yet
}

// followArrivals advances the cursors until ctx ends.
func (srv *Server) followArrivals(ctx context.Context) {
	if srv.opts.Arrivals == nil {
		return
	}
	every(ctx, cursorEvery, func() { srv.cursors.advance(srv.core, srv.opts.Arrivals()) })
}

// advance takes one step. What is issued was known some steps ago.
func (c *cursors) advance(core *shard.Core, a Arrivals) {
	core.SetClock(a.Difference)
	if a.Through > 0 && (!c.begun || a.Epoch != c.epoch || a.Restarts != c.restarts) {
		core.BeginHistory() // before any cursor of this epoch is accepted
		c.begun, c.epoch, c.restarts, c.underWay = true, a.Epoch, a.Restarts, false
		c.now.Store(&issued{epoch: a.Epoch})
	}
	if core.ShowsFuture() { // elsewhere these positions would be older, and not shown
		c.underWay = false
		c.now.Store(&issued{epoch: c.epoch})
		return
	}
	switch {
	case !c.underWay:
		if a.Through > 0 {
			c.underWay, c.taken = true, 0
			c.next, c.delivered = a, core.Delivered(c.delivered[:0])
		}
	case c.taken == 0:
		if core.TakenIn(c.delivered) {
			c.taken = core.Now()
			c.next.Through = min(c.next.Through, core.HeldFrom()-1)
		}
	case core.FlushedThrough(c.taken + int64(core.Window())):
		c.underWay = false
		if old := c.now.Load(); old.epoch != c.next.Epoch || old.second < c.next.Through/1000 {
			c.now.Store(&issued{c.next.Epoch, c.next.Through / 1000})
		}
	}
}

// A cursor is text that only servers read: base64 of the epoch, the second, a tag for
// each topic of the connection, and a checksum. A tag is a hash of audience and topic.
const (
	cursorVersion = 1
	cursorHead    = 1 + 8 + 8
	cursorTag     = 4
	cursorSum     = 4
)

// audience is who may see what: there is one audience.
const audience = "live"

func topicTag(event string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(audience + "\x00" + event))
	return h.Sum32()
}

// cursorText writes a cursor.
func cursorText(now issued, events ...string) string {
	b := binary.BigEndian.AppendUint64([]byte{cursorVersion}, now.epoch)
	b = binary.BigEndian.AppendUint64(b, uint64(now.second))
	for _, e := range events {
		b = binary.BigEndian.AppendUint32(b, topicTag(e))
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads a cursor. ok is false if it is none, or not one of the event.
func parseCursor(text, event string) (c issued, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	n := len(b) - cursorSum
	if err != nil || n < cursorHead || (n-cursorHead)%cursorTag != 0 || b[0] != cursorVersion ||
		crc32.ChecksumIEEE(b[:n]) != binary.BigEndian.Uint32(b[n:]) {
		return issued{}, false
	}
	c = issued{binary.BigEndian.Uint64(b[1:]), int64(binary.BigEndian.Uint64(b[9:]))}
	tag := topicTag(event)
	for tags := range slices.Chunk(b[cursorHead:n], cursorTag) {
		if binary.BigEndian.Uint32(tags) == tag {
			return c, true
		}
	}
	return issued{}, false
}

// The dispatchers call the methods of session below.

// cursor is the cursor of the subscriptions given, "" if there is none now: what the
// connection has lost is still to come, or the server does not know enough.
func (s *session) cursor(subs ...*subscription) string {
	now := s.srv.cursors.now.Load()
	if now == nil || now.second == 0 || len(subs) == 0 || s.conn.Behind() || !s.srv.boundedQueues() {
		return ""
	}
	c := *now
	events := make([]string, 0, len(subs))
	late := time.Duration(0)
	for _, sub := range subs {
		events = append(events, sub.topic.Event())
		late = max(late, sub.longest)
	}
	c.second -= int64((late + time.Second - 1) / time.Second)
	return cursorText(c, events...)
}

// boundedQueues reports whether all that a queue may lose is younger than the margin.
func (srv *Server) boundedQueues() bool {
	longest := max(srv.opts.WindowMax, srv.core.Window())
	return srv.opts.RingMaxAge > 0 && srv.opts.RingMaxAge+longest+time.Second <= srv.margin
}

// resumesFrom returns the first second for which a client with that cursor may lack
// changes of t. It is 0 if the client needs a whole snapshot.
func (s *session) resumesFrom(text string, t *shard.Topic) int64 {
	now := s.srv.cursors.now.Load()
	c, ok := parseCursor(text, t.Event())
	if !ok || now == nil || c.epoch != now.epoch {
		return 0
	}
	margin := int64(s.srv.margin / time.Second)
	if c.second > s.srv.core.ServerTime()/1000+margin {
		return 0
	}
	if since := c.second - margin; since > 0 && s.srv.core.CanResume(t, since) {
		return since
	}
	return 0
}

// resumeAt subscribes to a topic whose state at an earlier moment the client shows. If the
// shards have forgotten the rest meanwhile, the subscription begins again: a subscribed
// frame without an id, and whole snapshots.
func (s *session) resumeAt(sub *subscription, since int64) {
	complete := true // written before the command is done, read after that
	done := s.begin(func() {
		s.chargeSnapshot()
		if !complete {
			again := codec.AppendSubscribed(nil, "", sub.topic.Name(), s.srv.core.Devices(sub.topic), s.srv.core.Shards(), s.intervalMs(sub), "")
			s.srv.core.Unsubscribe(s.conn, sub.topic, s.countReply(shard.NewControl(again)), s.begin(func() {
				s.srv.core.Subscribe(s.conn, sub.topic, sub.interval, s.begin(s.chargeSnapshot))
			}))
		}
	})
	s.srv.core.Resume(s.conn, sub.topic, sub.interval, since, func(ok bool) {
		complete = ok
		done()
	})
}
