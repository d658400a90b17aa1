package engine

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// watcher looks at every frame that a client receives, in its order, and holds
// what the design says must always hold against it, whatever the story says:
// nothing of a topic that is not subscribed, and for one device of a topic
// never a position older than one that was seen before, nor the same again.
type watcher struct {
	topics map[string]map[string]sighting // topic -> device -> time last seen
}

func newWatcher() *watcher { return &watcher{topics: map[string]map[string]sighting{}} }

// observe takes one frame in.
func (w *watcher) observe(frame any) error {
	f, ok := frame.(*object)
	if !ok {
		return fmt.Errorf("%s is no object", jsonText(frame))
	}
	kind, _ := f.m["type"].(string)
	topic, _ := f.m["topic"].(string)
	switch kind {
	case "welcome", "pong", "authenticated":
		return nil
	case "error": // one with a topic has ended it
		delete(w.topics, topic)
		return nil
	case "subscribed":
		if w.topics[topic] == nil {
			w.topics[topic] = map[string]sighting{}
		}
		return nil
	case "unsubscribed":
		delete(w.topics, topic)
		return nil
	}
	seen := w.topics[topic]
	if seen == nil {
		return fmt.Errorf("a frame of a topic that is not subscribed: %s", jsonText(frame))
	}
	switch kind {
	case "position":
		return moved(seen, f, false)
	case "positions", "snapshot":
		return each(f.m["positions"], func(p any) error { return moved(seen, p, kind == "snapshot") })
	case "roster":
		// Who comes back begins anew, with the last value that is known.
		forget := func(d any) error { delete(seen, fmt.Sprint(d)); return nil }
		if err := each(f.m["removed"], forget); err != nil {
			return err
		}
		return each(f.m["added"], forget)
	}
	return fmt.Errorf("a frame of a type that the protocol does not have: %s", jsonText(frame))
}

// sighting is where a device was seen last.
type sighting struct {
	ts    int64
	place string // latitude and longitude, as they were written
}

// moved takes one position in. A snapshot may repeat what was seen, and a later
// frame of the same time and place may add attributes.
func moved(seen map[string]sighting, position any, again bool) error {
	p, ok := position.(*object)
	if !ok {
		return fmt.Errorf("%s is no position", jsonText(position))
	}
	device, _ := p.m["deviceId"].(string)
	number, _ := p.m["ts"].(json.Number)
	ts, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || device == "" {
		return fmt.Errorf("%s is no position", jsonText(position))
	}
	now := sighting{ts, fmt.Sprint(p.m["lat"], " ", p.m["lon"])}
	again = again || now.place == seen[device].place && p.m["attributes"] != nil
	last, known := seen[device]
	if known && (ts < last.ts || ts == last.ts && !again) {
		return fmt.Errorf("device %s goes from %d to %d: %s", device, last.ts, ts, jsonText(position))
	}
	seen[device] = now
	return nil
}

func each(list any, fn func(any) error) error {
	l, ok := list.([]any)
	if !ok {
		return fmt.Errorf("%s is no list", jsonText(list))
	}
	for _, v := range l {
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}
