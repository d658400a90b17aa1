package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// faultScreen is what one spectator sees: a client by another library than the
// server's, which keeps the newest position of each device and notes whatever
// must never be seen.
type faultScreen struct {
	t     *testing.T
	name  string
	conn  *websocket.Conn
	ended sync.WaitGroup

	mu      sync.Mutex // guards what follows
	shown   map[string]int64
	seen    map[string]bool // every device and time that was ever shown, as faultSeen names them
	live    int             // positions in live frames
	devices map[string]bool // those that roster frames have added
	lagged  int             // snapshots for a slow phase
	parts   int             // of the snapshot that are still to come
	wrong   []string        // what broke a promise
	over    error           // why the connection has ended; nil while it stands
}

// faultFrame is any frame of the server.
type faultFrame struct {
	Type, Topic, Reason, Code, Message string
	Parts                              int
	DeviceID                           string
	TS                                 int64
	Positions                          []struct {
		DeviceID string
		TS       int64
	}
	Added, Removed []string
}

// watch connects a spectator to the event and waits until its snapshot is
// complete. query is that of /live, extra goes into the subscribe.
func (s *faultSite) watch(addr, name, query, extra string) *faultScreen {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), faultPatience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+addr+"/live"+query, &websocket.DialOptions{HTTPClient: faultHTTP})
	if err != nil {
		s.t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	w := &faultScreen{t: s.t, name: name, conn: conn, shown: map[string]int64{}, seen: map[string]bool{}, devices: map[string]bool{}, parts: -1}
	w.ended.Go(w.read)
	s.t.Cleanup(w.close)
	request := fmt.Sprintf(`{"type":"subscribe","id":"1","topic":"event:%s"%s}`, faultEvent, extra)
	if err := conn.Write(ctx, websocket.MessageText, []byte(request)); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the snapshot of "+name, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.parts == 0 || w.over != nil
	})
	return w
}

// close leaves, waits for the reading goroutine and tells what went wrong.
func (w *faultScreen) close() {
	_ = w.conn.CloseNow() // it may have ended before
	w.ended.Wait()
	for _, text := range w.wrong {
		w.t.Errorf("%s: %s", w.name, text)
	}
	w.wrong = nil
}

func (w *faultScreen) read() {
	for {
		_, data, err := w.conn.Read(context.Background())
		w.mu.Lock()
		if err != nil {
			w.over = err
			w.mu.Unlock()
			return
		}
		w.take(data)
		w.mu.Unlock()
	}
}

// take looks at one frame. w.mu is held.
func (w *faultScreen) take(data []byte) {
	var f faultFrame
	if err := json.Unmarshal(data, &f); err != nil {
		w.fault("frame %q: %v", data, err)
		return
	}
	switch f.Type {
	case "subscribed":
		w.parts = f.Parts
	case "position":
		w.live++
		w.show(f.DeviceID, f.TS, true)
	case "positions", "snapshot":
		for _, p := range f.Positions {
			if f.Reason == "corrected" { // the one frame that may go back in time
				delete(w.shown, p.DeviceID)
			}
			w.show(p.DeviceID, p.TS, f.Type == "positions")
		}
		switch {
		case f.Type == "positions":
			w.live += len(f.Positions)
		case f.Reason == "subscribe":
			w.parts--
		case f.Reason == "lagged":
			w.lagged++
		}
	case "roster":
		for _, d := range f.Removed {
			delete(w.shown, d)
			delete(w.devices, d)
		}
		for _, d := range f.Added {
			w.devices[d] = true
		}
	case "error":
		w.fault("error frame %q", data)
	}
}

// show moves a dot. It must never move back, and a live frame never repeats
// what is on the screen. w.mu is held.
func (w *faultScreen) show(device string, ts int64, live bool) {
	before, known := w.shown[device]
	if known && (ts < before || live && ts == before) {
		w.fault("%s shows %d after %d", device, ts, before)
	}
	w.shown[device] = max(ts, before)
	w.seen[faultSeen(device, ts)] = true
}

// faultSeen names a position by what identifies it on a screen.
func faultSeen(device string, ts int64) string { return fmt.Sprintf("%s %d", device, ts) }

// unseen returns how many of the named positions were never shown; names are
// those of faultSeen.
func (w *faultScreen) unseen(names []string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		if !w.seen[name] {
			n++
		}
	}
	return n
}

func (w *faultScreen) fault(format string, args ...any) {
	if len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// differs returns by how many devices the screen differs from newest.
func (w *faultScreen) differs(newest map[string]int64) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if maps.Equal(w.shown, newest) {
		return 0
	}
	n := len(w.shown)
	for d, ts := range newest {
		switch got, ok := w.shown[d]; {
		case !ok:
			n++
		case got == ts:
			n--
		}
	}
	return n
}

// counts returns how many live positions came and how many lagged snapshots.
func (w *faultScreen) counts() (live, lagged int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.live, w.lagged
}

// has reports whether a roster frame has added the device.
func (w *faultScreen) has(device string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.devices[device]
}

// ending returns why the connection has ended, nil while it stands.
func (w *faultScreen) ending() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over
}

// wantScreens waits until every screen shows exactly the newest positions.
func (s *faultSite) wantScreens(newest map[string]int64, screens ...*faultScreen) {
	s.t.Helper()
	for _, w := range screens {
		s.eventually("the screen of "+w.name+" to show the last of every device", func() bool {
			return w.differs(newest) == 0 || w.ending() != nil
		})
		if err := w.ending(); err != nil {
			s.t.Errorf("%s was disconnected: %v", w.name, err)
		} else if n := w.differs(newest); n != 0 {
			s.t.Errorf("%s: %d devices are wrong", w.name, n)
		}
	}
}

// faultHandshake is the request of a client that wants to watch.
func faultHandshake(t *testing.T, addr string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(name, value)
	}
	return r
}
