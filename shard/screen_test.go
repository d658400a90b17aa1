package shard

import (
	"fmt"
	"strings"
	"testing"
)

// screen is what a client shows. It checks the rules that must hold at every frame.
type screen struct {
	t         testing.TB
	seen      map[string]map[string]int64 // topic -> device -> ts
	ever      map[string]map[string]bool  // topic -> device@ts, all that were ever shown
	parts     map[string]int              // topic -> parts of the subscribe snapshot seen
	announced map[string]bool             // topic and device: added by a roster frame, not shown since
	removed   map[string]bool             // topic and device: removed by the last roster frame with the device

	// known are the devices that may be shown, for each subscription to a topic that has
	// not ended on the screen: the devices of the event at the subscribe, and those that a
	// roster frame has added since. No entry, or nil, means any.
	known           map[string][]map[string]bool
	renewed         map[string]bool     // topics whose subscription was renewed
	shownAfterLeave map[string][]string // topic -> device@ts, shown after the device had left
	log             []string
	all             []frame
	parsed          *parsedFrames // of all screens of a rig, unless it is nil
}

func newScreen(t testing.TB) *screen {
	return &screen{t: t, seen: map[string]map[string]int64{}, ever: map[string]map[string]bool{}, parts: map[string]int{},
		announced: map[string]bool{}, removed: map[string]bool{}, shownAfterLeave: map[string][]string{},
		known: map[string][]map[string]bool{}, renewed: map[string]bool{}}
}

func (s *screen) frame(b []byte) {
	s.t.Helper()
	f, err := s.parsed.parse(b)
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
			s.t.Errorf("a roster frame without devices: %s", b)
		}
		for _, d := range f.Removed {
			delete(s.seen[f.Topic], d)
			s.removed[f.Topic+" "+d] = true
		}
		for _, d := range f.Added {
			s.announced[f.Topic+" "+d] = true
			delete(s.removed, f.Topic+" "+d)
			if known := s.known[f.Topic]; len(known) > 0 && known[0] != nil {
				known[0][d] = true
			}
		}
		s.log = append(s.log, fmt.Sprintf("%s roster +%v -%v", f.Topic, f.Added, f.Removed))
	case "subscribed": // not requested: the subscription is renewed
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
	for _, m := range []map[string]bool{s.removed, s.announced} {
		for name := range m {
			if strings.HasPrefix(name, topic+" ") {
				delete(m, name)
			}
		}
	}
}

// position checks the order rule: no position is older than the one before, and in the
// live flow none comes twice. A position may come twice if it adds attributes, or if the
// device has joined, because a lagged screen may have missed that it had left. Positions
// of devices that have left are collected in shownAfterLeave.
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
	if s.removed[name] {
		s.shownAfterLeave[topic] = append(s.shownAfterLeave[topic], fmt.Sprintf("%s@%d", device, ts))
	}
	strict = strict && !s.announced[name]
	delete(s.announced, name)
	if had, ok := m[device]; ok && (ts < had || strict && ts == had) {
		s.t.Fatalf("%s: %s went from %d to %d; log %v", topic, device, had, ts, s.log)
	}
	m[device] = ts
}
