package shard

import (
	"fmt"
	"testing"

	"pitwall/codec"
)

// A chunk that is pushed after Close is dropped and does not put the connection into the
// run queue. A closed connection does not lag.
func TestClosedConnectionAcceptsNothing(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a"}})
	c := r.subscriber("e", false, 0)
	c.read()
	c.conn.Close()
	c.conn.Push(NewControl(codec.AppendUnsubscribed(nil, "", TopicName("e"))))
	r.send("a", base)
	r.settle()
	if chunks, bytes := c.conn.Queued(); chunks != 0 || bytes != 0 || c.conn.consumer().Take() != nil {
		t.Errorf("%d chunks of %d bytes are queued for a closed connection", chunks, bytes)
	}
	if c.conn.markLagged() || c.conn.Lagged() || !c.conn.Closed() {
		t.Error("a closed connection lags")
	}
	want(t, "bytes held", r.core.Stats().OutstandingBytes, int64(0))
}

// If some frames of a chunk have been written when it is dropped, only the updates of the
// others are counted as left out.
func TestDropCountsFramesThatWereNotWritten(t *testing.T) {
	const devices = 3
	for written := range devices + 1 {
		t.Run(fmt.Sprint(written), func(t *testing.T) {
			r := newRig(t, Config{Shards: 1})
			r.roster(map[string][]string{"e": {"a", "b", "c"}})
			r.send("a", base)
			r.settle()
			c := r.subscriber("e", false, 0)
			c.read()
			b := r.core.AcquireBatch() // one turn, so one chunk
			for _, d := range []string{"a", "b", "c"} {
				b.Positions = append(b.Positions, codec.Position{DeviceID: d, TS: base + 1, Arrival: r.wall, Lat: 1, Lon: 1})
			}
			r.core.workers[0].turn(b)
			r.settle()
			ch := c.conn.consumer().Take()
			if ch == nil || ch.Records() != devices || c.conn.consumer().Take() != nil {
				t.Fatalf("got %+v, want one chunk of %d positions", ch, devices)
			}
			end := 0
			for range written {
				end = ch.FrameEnd(end + 1)
			}
			c.conn.markLagged()
			want(t, "dropped", c.losses.Drop(ch, end), written < devices)
			c.conn.consumer().Release(ch)
			if !c.conn.consumer().Recover(&c.losses) {
				t.Fatal("not recovered")
			}
			r.settle()
			c.read()
			conflated, snapshots := uint64(0), 0
			for _, f := range c.screen.all {
				if f.Reason == "lagged" {
					conflated += f.Conflated
					snapshots++
				}
			}
			want(t, "conflated", conflated, uint64(devices-written))
			want(t, "snapshots of what was lost", snapshots, min(devices-written, 1))
		})
	}
}

// Two topics are pushed at the same time. Neither waits for the end of the other.
func TestLongPushesTakeTurns(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.core.slice = 2
	r.roster(map[string][]string{"x": {"a"}, "y": {"b"}})
	clients := map[string][]*client{}
	for event := range map[string]bool{"x": true, "y": true} {
		for range 10 {
			c := r.client(false)
			c.subscribe(event, 0)
			clients[event] = append(clients[event], c)
		}
	}
	r.settle()
	served := func(event string) (n int) {
		for _, c := range clients[event] {
			c.read()
			n += min(1, len(c.screen.seen[TopicName(event)]))
		}
		return n
	}
	r.send("a", base)
	r.send("b", base)
	for r.core.workers[0].unfinished() || len(r.core.workers[0].batches) > 0 {
		r.core.workers[0].turn(r.core.workers[0].batch())
		x, y := served("x"), served("y")
		if x+y > 8 && x+y < 20 && (x == 0 || y == 0) {
			t.Fatalf("%d subscribers of one topic and %d of the other are served", x, y)
		}
	}
	r.settle()
	want(t, "served in the end", served("x")+served("y"), 20)
}
