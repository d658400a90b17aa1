package shard

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// spectator is a client of a stressRun. It checks each frame that it reads:
//
//   - No device goes back in time, except by a corrected snapshot. Nothing comes twice
//     in the live flow.
//   - The live flow has no gaps: no position is missing that was published after the
//     subscribe was carried out, unless the connection has lagged since the device was
//     last shown, or the position was marked faulty.
//   - There is one snapshot part from each shard, and the live flow of the shard comes
//     after it.
//   - A device that a roster frame has removed is not shown, unless the connection has
//     lagged. Then the current roster comes before what is pending.
//   - Nothing of a topic comes after unsubscribed.
type spectator struct {
	reader
	*client
	run *stressRun
	id  int

	mu       sync.Mutex
	views    map[string]*view    // by topic, from subscribed to unsubscribed
	requests map[string]*request // by topic, the last one of the session
	log      []frame
	failed   bool
}

// view is what the screen of one topic shows.
type view struct {
	parts     map[int]bool             // of the subscribe snapshot, that have come
	shown     map[string]shownPosition // by device
	removed   map[string]bool          // by the last roster frame with the device
	announced map[string]bool          // added by a roster frame, not shown since
	epoch     int                      // increased whenever something may have been dropped
}

// shownPosition is the position that is shown of a device.
type shownPosition struct {
	number int64
	epoch  int // of the view, when it was shown
}

// request is what the session has requested last for a topic: to subscribe to it, to
// change its interval, or to unsubscribe.
type request struct {
	interval   time.Duration
	subscribed bool
	pending    bool
	before     map[string]int64 // numbers that were published before it was carried out
}

func newSpectator(c *stressRun, id int, rng *rand.Rand) *spectator {
	s := &spectator{reader: randomReader(rng), run: c, id: id, views: map[string]*view{}, requests: map[string]*request{}}
	s.client = &client{r: &rig{t: c.t, core: c.core}}
	s.conn = c.core.NewConn(rng.IntN(len(c.core.queues)), rng.IntN(2) == 0, s)
	if rng.IntN(2) == 0 {
		s.conn.AcceptDeflate()
	}
	return s
}

// request notes the request that is about to be sent.
func (s *spectator) request(topic string, a *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[topic] = a
}

// carriedOut notes that all shards have carried out the request.
func (s *spectator) carriedOut(topic string) {
	before := s.run.fleet.numbers()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.requests[topic]
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
	s.receive(b, func(b []byte) {
		f, err := parseFrame(b)
		if err != nil {
			s.run.t.Errorf("spectator %d: %v", s.id, err)
			return
		}
		s.log = append(s.log, f)
		s.frame(&f)
	})
}

// fail reports the first failure of the spectator.
func (s *spectator) fail(format string, args ...any) {
	if s.failed {
		return
	}
	s.failed = true
	s.run.t.Errorf("spectator %d: %s\n%s", s.id, fmt.Sprintf(format, args...), s.describe(s.log[len(s.log)-1].Topic))
}

// describe returns the state of the spectator and the last frames of a topic, for a
// failure.
func (s *spectator) describe(topic string) string {
	b := ""
	for _, d := range s.run.fleet.corrected {
		b += d.describe()
	}
	b += fmt.Sprintf("%+v, %d shards, request:", s.reader, s.run.core.Shards())
	if a := s.requests[topic]; a != nil {
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
			again := &view{parts: map[int]bool{}, shown: map[string]shownPosition{}, removed: map[string]bool{}, announced: map[string]bool{}}
			if v != nil {
				again.epoch = 1
				s.run.counters.renewed.Add(1)
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
			delete(v.shown, id)
			v.removed[id] = true
		}
		for _, id := range f.Added {
			delete(v.removed, id)
			v.announced[id] = true
		}
	default:
		s.fail("unexpected frame")
	}
}

func (s *spectator) snapshot(v *view, f *frame) {
	if f.Parts != s.run.core.Shards() || f.Part < 1 || f.Part > f.Parts {
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
		s.run.counters.lagged.Add(1)
	case "corrected":
		s.run.counters.corrected.Add(1)
	}
	for _, p := range f.Positions {
		had, ok := v.shown[p.DeviceID]
		number := s.number(v, p)
		if s.run.core.ShardOf(p.DeviceID) != f.Part-1 {
			s.fail("%s in part %d", p.DeviceID, f.Part)
		}
		if ok && f.Reason != "corrected" && (number < had.number || f.Reason == "subscribe") {
			s.fail("%s went from %d to %d by a %s snapshot", p.DeviceID, had.number, number, f.Reason)
		}
		v.shown[p.DeviceID] = shownPosition{number, v.epoch}
		delete(v.announced, p.DeviceID)
	}
}

// number returns the number of a position, and checks that the position may be shown.
func (s *spectator) number(v *view, p point) int64 {
	number := (p.TS - base) / 10
	if p.TS != timeOf(number) || s.run.fleet.byID[p.DeviceID] == nil {
		s.fail("%s@%d was late or faulty", p.DeviceID, p.TS-base)
	}
	if p.Lat != latOf(p.TS) {
		s.fail("%s@%d is at %v, want %v", p.DeviceID, p.TS-base, p.Lat, latOf(p.TS))
	}
	if v.removed[p.DeviceID] && v.epoch == 0 {
		s.fail("%s has left the event and is shown", p.DeviceID)
	}
	return number
}

func (s *spectator) live(v *view, topic string, p point) {
	number := s.number(v, p)
	had, ok := v.shown[p.DeviceID]
	joined := v.announced[p.DeviceID]
	if ok && (number < had.number || number == had.number && !joined) {
		s.fail("%s went from %d to %d", p.DeviceID, had.number, number)
	}
	if !v.parts[1+s.run.core.ShardOf(p.DeviceID)] {
		s.fail("%s comes before its part of the snapshot", p.DeviceID)
	}
	switch a := s.requests[topic]; {
	case a.pending || joined:
	case a.interval > 0:
		s.run.counters.paced.Add(1)
	case had.epoch == v.epoch && (ok || !s.run.fleet.byID[p.DeviceID].mayJoinLate()):
		s.run.counters.follows.Add(1)
		s.checkGap(a, p.DeviceID, had.number, number)
	}
	v.shown[p.DeviceID] = shownPosition{number, v.epoch}
	delete(v.announced, p.DeviceID)
}

// checkGap checks that nothing is missing between the number before and this one.
func (s *spectator) checkGap(a *request, device string, before, number int64) {
	for k := before + 1; k < number; k++ {
		if k > a.before[device] && !s.run.fleet.byID[device].mayMiss(k) {
			s.fail("%s went from %d to %d: %d is missing", device, before, number, k)
		}
	}
}

// differs returns how the screen differs from what is wanted, "" if it does not.
func (s *spectator) differs(want map[string]map[string]int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, a := range s.requests {
		v := s.views[topic]
		if (v != nil) != a.subscribed || v != nil && len(v.parts) != s.run.core.Shards() {
			return fmt.Sprintf("spectator %d, %s: has %+v\n%s", s.id, topic, v, s.describe(topic))
		}
		if v == nil {
			continue
		}
		for id := range s.run.fleet.byID {
			if got := v.shown[id].number; got != want[topic][id] {
				return fmt.Sprintf("spectator %d, %s: %s is at %d, want %d\n%s", s.id, topic, id, got, want[topic][id], s.describe(topic))
			}
		}
	}
	return ""
}
