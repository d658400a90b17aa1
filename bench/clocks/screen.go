package clocks

import (
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"
)

// Faults that a spectator may find: see the package documentation.
const (
	faultOlder   = "older"
	faultTime    = "time"
	faultUnknown = "unknown"
	faultMissing = "missing"
	faultBehind  = "behind"
	faultQuiet   = "quiet"
)

// faults are all faults, in the order of the report.
var faults = []string{faultOlder, faultTime, faultUnknown, faultMissing, faultBehind, faultQuiet}

// frame is any frame of the server.
type frame struct {
	Type, Topic, Reason, Code, Message string
	Parts, Part                        int
	place
	Positions      []place
	Added, Removed []string
}

// place is a position of a device as it is shown.
type place struct {
	DeviceID string
	TS       int64
	Lat      float64
}

// n is the number of the record.
func (p *place) n() int64 { return int64(math.Round(p.Lat * perDegree)) }

// dot is what a screen shows of a device.
type dot struct {
	known   bool
	n, ts   int64
	again   int64     // an earlier time of the same record after a restart; 0 for none
	session int       // number of the connection on which it was last shown
	late    time.Time // when it was last seen to be behind; zero if it is not
	missed  bool      // was behind after a leg, and is not waited for again
}

// screen is what a spectator is shown, across all of its connections. The goroutine
// of the spectator writes, those of the race read.
type screen struct {
	race *race
	form form

	mu       sync.Mutex // guards what follows
	dots     []dot      // by device.index
	session  int        // number of the connection
	restarts int        // number of restarts of the engine when the connection began
	fresh    bool       // the engine was restarted since the last connection
	parts    int        // of the snapshot that are missing; -1 before that is known
	err      error      // why the spectator has given up
}

// begin notes the beginning of a connection.
func (s *screen) begin() {
	now := s.race.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session++
	s.fresh = now.between || len(now.restarts) != s.restarts
	if !now.between {
		s.restarts = len(now.restarts)
	}
	s.parts = -1
}

// end notes the end of a connection.
func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = -1
}

// take processes a text frame.
func (s *screen) take(text []byte) error {
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("read a frame: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.Type {
	case "position":
		s.show(&f, &f.place)
	case "positions":
		s.showAll(&f)
	case "subscribed":
		s.parts = f.Parts
	case "snapshot":
		s.showAll(&f)
		if f.Reason == "subscribe" && s.parts > 0 {
			if s.parts--; s.parts == 0 {
				s.whole()
			}
		}
	case "roster":
		for _, name := range f.Removed {
			if d := s.race.byName[name]; d != nil && s.dots[d.index].known {
				s.lose(d, "removed by a roster frame")
			}
		}
	case "error":
		return fmt.Errorf("the server answers %s: %s", f.Code, f.Message)
	}
	return nil
}

func (s *screen) showAll(f *frame) {
	for i := range f.Positions {
		s.show(f, &f.Positions[i])
	}
}

// show checks one position and puts it on the screen.
func (s *screen) show(f *frame, p *place) {
	d := s.race.byName[p.DeviceID]
	if d == nil {
		s.race.found(stranger, faultUnknown, fmt.Sprintf("device %q", p.DeviceID))
		return
	}
	was, is := &s.dots[d.index], p.n()
	fault := ""
	switch {
	case !d.published(is):
		fault = faultUnknown
	case !was.known || f.Reason == "corrected":
	case is < was.n:
		fault = faultOlder
	case is == was.n && p.TS == was.again && f.Reason == "subscribe":
		was.session = s.session
		return
	case p.TS < was.ts && s.fresh && was.session != s.session && f.Reason == "subscribe":
		// The engine was restarted and has invented another time. If it is the same
		// record, the next one must be newer than both times.
		if is == was.n {
			was.session, was.again = s.session, p.TS
			return
		}
	case p.TS < was.ts || p.TS == was.ts && is != was.n:
		fault = faultTime
	}
	if fault != "" {
		s.race.found(d, fault, fmt.Sprintf("%s (connection %d), in a %s frame %s: from record %d at %d to record %d at %d; last published %s",
			s.form.name, s.session, f.Type, f.Reason, was.n, was.ts, is, p.TS, d.lately()))
	}
	was.known, was.n, was.ts, was.again, was.session = true, is, p.TS, 0, s.session
}

// whole looks for devices that are missing from the snapshot of a new connection.
func (s *screen) whole() {
	for _, d := range s.race.devices {
		if t := &s.dots[d.index]; t.known && t.session != s.session {
			s.lose(d, "not in the snapshot")
		}
	}
}

// lose removes a device from the screen, which is a fault.
func (s *screen) lose(d *device, why string) {
	t := &s.dots[d.index]
	t.known = false
	s.race.found(d, faultMissing, fmt.Sprintf("%s (connection %d): %s; was record %d at %d; last published %s", s.form.name, s.session, why, t.n, t.ts, d.lately()))
}

// fail notes why the spectator has given up.
func (s *screen) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// failed is why the spectator has given up, nil if it has not.
func (s *screen) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
