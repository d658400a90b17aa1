package shard

import (
	"fmt"
	"strings"
	"testing"
)

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
