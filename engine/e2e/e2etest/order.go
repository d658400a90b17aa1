package e2etest

import (
	"encoding/json"
	"fmt"
)

// Order checks the frames of one connection against the rules that hold for every
// spectator. A frame belongs to a topic that is subscribed. No position of a device is
// older than one that was seen in the topic before, except in a corrected snapshot. One
// of the same time is of the same place and adds attributes, except in a snapshot. Order
// is not safe for concurrent use.
type Order struct {
	topics map[string]map[string]sighting // by topic and device
}

// sighting is the newest position of a device.
type sighting struct {
	ts       int64
	lat, lon json.Number
	attrs    []json.RawMessage // all that were shown for this time
}

// shows reports whether an attribute of the name was shown.
func (s *sighting) shows(name string) bool {
	for _, attrs := range s.attrs {
		if _, ok := attributes(attrs)[name]; ok {
			return true
		}
	}
	return false
}

// attributes are those of a position, by name.
func attributes(text json.RawMessage) (list map[string]json.RawMessage) {
	_ = json.Unmarshal(text, &list) // no attributes, or not an object
	return list
}

// NewOrder returns a checker for a new connection.
func NewOrder() *Order { return &Order{topics: map[string]map[string]sighting{}} }

// Differs returns how many devices of a topic are not where they should be: newest has
// the time of the last position of each device that should be seen, and no others.
func (o *Order) Differs(topic string, newest map[string]int64) (n int) {
	seen := o.topics[topic]
	for device, ts := range newest {
		if seen[device].ts != ts {
			n++
		}
	}
	for device := range seen {
		if _, wanted := newest[device]; !wanted {
			n++
		}
	}
	return n
}

// Check takes the next frame and returns the rule that it breaks, nil for none.
func (o *Order) Check(f *Frame) error {
	switch f.Type {
	case "welcome", "pong", "authenticated", "drain":
		return nil
	case "error", "unsubscribed": // an error that names a topic ends its subscription
		delete(o.topics, f.Topic)
		return nil
	case "subscribed":
		if o.topics[f.Topic] == nil {
			o.topics[f.Topic] = map[string]sighting{}
		}
		return nil
	}
	seen := o.topics[f.Topic]
	if seen == nil {
		return fmt.Errorf("a frame of a topic that is not subscribed: %s", f.Text)
	}
	switch f.Type {
	case "position":
		return move(seen, f.Position, false)
	case "positions", "snapshot":
		for _, p := range f.Positions {
			if f.Reason == "corrected" {
				delete(seen, p.DeviceID)
			}
			if err := move(seen, p, f.Type == "snapshot"); err != nil {
				return err
			}
		}
		return nil
	case "roster":
		// A device that comes back starts anew, with its last known value.
		for _, d := range f.Removed {
			delete(seen, d)
		}
		for _, d := range f.Added {
			delete(seen, d)
		}
		return nil
	}
	return fmt.Errorf("a frame of a type that the protocol does not have: %s", f.Text)
}

// move takes one position. A snapshot may repeat what was seen. Attributes are parsed
// only where a time repeats, which is rare: parsing them is most of the work.
func move(seen map[string]sighting, p Position, snapshot bool) error {
	if p.DeviceID == "" || p.TS == 0 {
		return fmt.Errorf("a position without device or time: %+v", p)
	}
	now := sighting{p.TS, p.Lat, p.Lon, []json.RawMessage{p.Attributes}}
	last, known := seen[p.DeviceID]
	if known && now.ts < last.ts {
		return fmt.Errorf("device %s goes back from %d to %d", p.DeviceID, last.ts, now.ts)
	}
	if known && now.ts == last.ts {
		added := false
		for name := range attributes(p.Attributes) {
			added = added || !last.shows(name)
		}
		if !snapshot && (now.lat != last.lat || now.lon != last.lon || !added) {
			return fmt.Errorf("device %s is shown at %d again: %+v", p.DeviceID, now.ts, p)
		}
		now.attrs = append(now.attrs, last.attrs...)
	}
	seen[p.DeviceID] = now
	return nil
}
