package shard

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"pitwall/codec"
)

// spectator is a connection and what is seen at its other end. It reads frames
// as a client does, and checks with each of them:
//
//   - no device goes back in time but by a corrected snapshot, and nothing
//     comes twice in the live flow;
//   - in the live flow a position follows the one before it: none is missing
//     that was published after the subscribe was carried out, unless the
//     connection has lagged since the device was last shown, or the position
//     was marked faulty;
//   - the live flow of a shard comes after its part of the snapshot, of which
//     there is one each;
//   - nothing is shown of a device that a roster frame has removed, unless the
//     connection has lagged: then the current roster comes before what is
//     pending;
//   - nothing of a topic comes after unsubscribed.
type spectator struct {
	habits
	*client   // its connection, and how it reads what is compressed
	c         *course
	id        int
	unwritten []piece // the writer's
	part      []byte  // of a frame that has not come whole

	mu    sync.Mutex
	views map[string]*view // by topic; there from subscribed to unsubscribed
	asked map[string]*ask  // what the session has asked for
	log   []frame
	wrong bool
}

// view is what is on the screen of one topic.
type view struct {
	parts map[int]bool    // of the subscribe snapshot, that have come
	at    map[string]dot  // by device
	gone  map[string]bool // removed by the last roster frame with it
	comes map[string]bool // added, not shown since
	epoch int             // one more whenever something may have been dropped
}

type dot struct {
	number int64
	epoch  int
}

// ask is the last that was asked for: to subscribe to a topic, to change its
// interval, or to unsubscribe.
type ask struct {
	interval time.Duration
	held     bool
	pending  bool
	before   map[string]int64 // published before it was carried out
}

func newSpectator(c *course, id int, rng *rand.Rand) *spectator {
	s := &spectator{habits: someHabits(rng), c: c, id: id, views: map[string]*view{}, asked: map[string]*ask{}}
	s.client = &client{r: &rig{t: c.t, core: c.core}}
	s.conn = c.core.NewConn(rng.IntN(len(c.core.queues)), rng.IntN(2) == 0, s)
	if rng.IntN(2) == 0 {
		s.conn.AcceptDeflate()
	}
	return s
}

// asks says what is about to be sent.
func (s *spectator) asks(topic string, a *ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[topic] = a
}

// served says that all shards have carried it out.
func (s *spectator) served(topic string) {
	before := s.c.fleet.numbers()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.asked[topic]
	a.pending, a.before = false, before
}

// noteLoss notes that frames may be dropped.
func (s *spectator) noteLoss() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.views {
		v.epoch++
	}
}

// read takes bytes off the wire.
func (s *spectator) read(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part = append(s.part, b...)
	for len(s.part) >= 2 && len(s.part) >= codec.FrameHeaderLen(s.part) && len(s.part) >= codec.FrameLen(s.part) {
		n := codec.FrameLen(s.part)
		f, err := parseFrame(s.plain(s.part[:n]))
		if err != nil {
			s.fail("%v", err)
			return
		}
		s.log = append(s.log, f)
		s.frame(&f)
		s.part = s.part[n:]
	}
}

// fail reports the first thing that is wrong.
func (s *spectator) fail(format string, args ...any) {
	if s.wrong {
		return
	}
	s.wrong = true
	s.c.t.Errorf("spectator %d: %s\n%s", s.id, fmt.Sprintf(format, args...), s.story(s.log[len(s.log)-1].Topic))
}

// story describes the spectator and what it has last read of a topic, for a failure.
func (s *spectator) story(topic string) string {
	b := ""
	for _, d := range s.c.fleet.flawed {
		b += d.story()
	}
	b += fmt.Sprintf("%+v, %d shards, asked:", s.habits, s.c.core.Shards())
	if a := s.asked[topic]; a != nil {
		b += fmt.Sprintf(" %+v", *a)
	}
	for _, f := range s.log[max(0, len(s.log)-200):] {
		if f.Topic == topic {
			b += "\n" + f.String()
		}
	}
	return b
}

func (f frame) String() string {
	b := fmt.Sprintf("%s %s %s", f.Topic, f.Type, f.Reason)
	if f.Parts > 0 {
		b += fmt.Sprintf(" %d/%d", f.Part, f.Parts)
	}
	for _, p := range append(f.Positions, f.point) {
		if p.DeviceID != "" {
			b += fmt.Sprintf(" %s@%d", p.DeviceID, p.TS-base)
		}
	}
	if f.Type == "roster" {
		b += fmt.Sprintf(" +%v -%v", f.Added, f.Removed)
	}
	return b
}

func (s *spectator) frame(f *frame) {
	v := s.views[f.Topic]
	switch {
	case f.Type == "subscribed":
		if f.Parts > 0 {
			again := &view{parts: map[int]bool{}, at: map[string]dot{}, gone: map[string]bool{}, comes: map[string]bool{}}
			if v != nil {
				again.epoch = 1
				s.c.tally.renewed.Add(1)
			}
			s.views[f.Topic] = again
		}
		return
	case v == nil:
		s.fail("%s of a topic that is not subscribed to", f.Type)
		return
	}
	switch f.Type {
	case "unsubscribed":
		delete(s.views, f.Topic)
	case "position":
		s.live(v, f.Topic, f.point)
	case "positions":
		for _, p := range f.Positions {
			s.live(v, f.Topic, p)
		}
	case "snapshot":
		s.snapshot(v, f)
	case "roster":
		for _, id := range f.Removed {
			delete(v.at, id)
			v.gone[id] = true
		}
		for _, id := range f.Added {
			delete(v.gone, id)
			v.comes[id] = true
		}
	default:
		s.fail("unexpected frame")
	}
}

func (s *spectator) snapshot(v *view, f *frame) {
	if f.Parts != s.c.core.Shards() || f.Part < 1 || f.Part > f.Parts {
		s.fail("part %d of %d", f.Part, f.Parts)
	}
	if f.Reason == "subscribe" {
		if v.parts[f.Part] {
			s.fail("part %d comes twice", f.Part)
		}
		v.parts[f.Part] = true
	} else if !v.parts[f.Part] {
		s.fail("a %s snapshot before part %d of the subscribe snapshot", f.Reason, f.Part)
	}
	switch f.Reason {
	case "lagged":
		s.c.tally.lagged.Add(1)
	case "corrected":
		s.c.tally.corrected.Add(1)
	}
	for _, p := range f.Positions {
		had, ok := v.at[p.DeviceID]
		number := s.number(v, p)
		if s.c.core.ShardOf(p.DeviceID) != f.Part-1 {
			s.fail("%s in part %d", p.DeviceID, f.Part)
		}
		if ok && f.Reason != "corrected" && (number < had.number || f.Reason == "subscribe") {
			s.fail("%s went from %d to %d by a %s snapshot", p.DeviceID, had.number, number, f.Reason)
		}
		v.at[p.DeviceID] = dot{number, v.epoch}
		delete(v.comes, p.DeviceID)
	}
}

// number reads a position's number off it, and checks that it may be shown.
func (s *spectator) number(v *view, p point) int64 {
	number := (p.TS - base) / 10
	if p.TS != timeOf(number) || s.c.fleet.byID[p.DeviceID] == nil {
		s.fail("%s@%d was late or faulty", p.DeviceID, p.TS-base)
	}
	if p.Lat != latOf(p.TS) {
		s.fail("%s@%d is at %v, want %v", p.DeviceID, p.TS-base, p.Lat, latOf(p.TS))
	}
	if v.gone[p.DeviceID] && v.epoch == 0 {
		s.fail("%s has left and is shown", p.DeviceID)
	}
	return number
}

func (s *spectator) live(v *view, topic string, p point) {
	number := s.number(v, p)
	had, ok := v.at[p.DeviceID]
	joined := v.comes[p.DeviceID]
	if ok && (number < had.number || number == had.number && !joined) {
		s.fail("%s went from %d to %d", p.DeviceID, had.number, number)
	}
	if !v.parts[1+s.c.core.ShardOf(p.DeviceID)] {
		s.fail("%s comes before its part of the snapshot", p.DeviceID)
	}
	switch a := s.asked[topic]; {
	case a.pending || joined:
	case a.interval > 0:
		s.c.tally.paced.Add(1)
	case had.epoch == v.epoch && (ok || !s.c.fleet.byID[p.DeviceID].wanders()):
		s.c.tally.follows.Add(1)
		s.follows(a, p.DeviceID, had.number, number)
	}
	v.at[p.DeviceID] = dot{number, v.epoch}
	delete(v.comes, p.DeviceID)
}

// follows checks that there is nothing missing between what was shown and
// number.
func (s *spectator) follows(a *ask, device string, shown, number int64) {
	for k := shown + 1; k < number; k++ {
		if k > a.before[device] && !s.c.fleet.byID[device].mayMiss(k) {
			s.fail("%s went from %d to %d: %d is missing", device, shown, number, k)
		}
	}
}

// differs tells how the screen is not as wanted, "" when it is.
func (s *spectator) differs(want map[string]map[string]int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, a := range s.asked {
		v := s.views[topic]
		if (v != nil) != a.held || v != nil && len(v.parts) != s.c.core.Shards() {
			return fmt.Sprintf("spectator %d, %s: has %+v\n%s", s.id, topic, v, s.story(topic))
		}
		if v == nil {
			continue
		}
		for id := range s.c.fleet.byID {
			if got := v.at[id].number; got != want[topic][id] {
				return fmt.Sprintf("spectator %d, %s: %s is at %d, want %d\n%s", s.id, topic, id, got, want[topic][id], s.story(topic))
			}
		}
	}
	return ""
}
