package e2etest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// Screen is what one spectator sees: the newest position of each device. It
// fails the test when a frame breaks a rule of Order. Its methods may be called
// from any goroutine, except Close.
type Screen struct {
	Name string

	t      testing.TB
	client *Client

	mu      sync.Mutex // guards what follows
	order   *Order
	seen    map[string]bool // every position that was ever shown, by PositionName
	devices map[string]bool // added by roster frames
	live    int             // positions in live frames
	lagged  int             // snapshots with the reason lagged
	parts   int             // of the snapshot, still to come; -1 before it was announced
	broken  []string        // rules that were broken, the first few
	ending  error           // why the connection has ended; nil while it is open
}

// Topic is that of Event.
const Topic = "event:" + Event

// Watch connects a spectator to the event and waits until its snapshot is
// complete. query is that of /live; extra goes into the subscribe request.
func (s *Stack) Watch(addr, name, query, extra string) *Screen {
	s.T.Helper()
	w := &Screen{Name: name, t: s.T, order: NewOrder(), seen: map[string]bool{}, devices: map[string]bool{}, parts: -1}
	var err error
	if w.client, _, err = Connect(addr, query, http.Header{}, w.receive); err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(w.Close)
	if err := w.client.Send(fmt.Sprintf(`{"type":"subscribe","id":"1","topic":"%s"%s}`, Topic, extra)); err != nil {
		s.T.Fatal(err)
	}
	s.Eventually("the snapshot of "+name, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.parts == 0 || w.ending != nil
	})
	return w
}

// Close disconnects the spectator, if it is still connected, and reports the rules
// that were broken.
func (w *Screen) Close() {
	w.client.Cut()
	for _, text := range w.broken {
		w.t.Errorf("%s: %s", w.Name, text)
	}
	w.broken = nil
}

// receive runs on the client's goroutine.
func (w *Screen) receive(f Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Ended {
		w.ending = f.Err
		return
	}
	if f.Err == nil {
		f.Err = w.order.Check(&f)
	}
	if f.Err == nil && f.Type == "error" {
		f.Err = fmt.Errorf("error frame %q", f.Text)
	}
	if f.Err != nil && len(w.broken) < 5 {
		w.broken = append(w.broken, f.Err.Error())
	}
	switch f.Type {
	case "subscribed":
		w.parts = f.Parts
	case "position":
		w.live++
		w.see(f.Position)
	case "positions":
		w.live += len(f.Positions)
		w.see(f.Positions...)
	case "snapshot":
		w.see(f.Positions...)
		switch f.Reason {
		case "subscribe":
			w.parts--
		case "lagged":
			w.lagged++
		}
	case "roster":
		for _, d := range f.Removed {
			delete(w.devices, d)
		}
		for _, d := range f.Added {
			w.devices[d] = true
		}
	}
}

// see notes positions. w.mu is held.
func (w *Screen) see(list ...Position) {
	for _, p := range list {
		w.seen[PositionName(p.DeviceID, p.TS)] = true
	}
}

// PositionName names a position by what identifies it on a screen.
func PositionName(device string, ts int64) string { return fmt.Sprintf("%s %d", device, ts) }

// Unseen returns how many of the named positions were never shown.
func (w *Screen) Unseen(names []string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		if !w.seen[name] {
			n++
		}
	}
	return n
}

// differs returns how many devices are not where newest has them.
func (w *Screen) differs(newest map[string]int64) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.order.Differs(Topic, newest)
}

// Counts returns how many live positions and how many lagged snapshots have come.
func (w *Screen) Counts() (live, lagged int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.live, w.lagged
}

// Has reports whether a roster frame has added the device.
func (w *Screen) Has(device string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.devices[device]
}

// Ending returns why the connection has ended, nil while it is open.
func (w *Screen) Ending() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ending
}

// WantScreens waits until every screen shows exactly the newest positions, by
// device.
func (s *Stack) WantScreens(newest map[string]int64, screens ...*Screen) {
	s.T.Helper()
	for _, w := range screens {
		s.Eventually("the screen of "+w.Name+" to show the last position of every device", func() bool {
			return w.differs(newest) == 0 || w.Ending() != nil
		})
		if err := w.Ending(); err != nil {
			s.T.Errorf("%s was disconnected: %v", w.Name, err)
		} else if n := w.differs(newest); n != 0 {
			s.T.Errorf("%s: %d devices are wrong", w.Name, n)
		}
	}
}
