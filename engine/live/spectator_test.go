package live

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// serverFrame is any frame of the server.
type serverFrame struct {
	Type, ID, Topic, Reason, Code, Message, Instance string
	DeviceID                                         string
	TS                                               int64
	Lat                                              float64
	Protocol, HeartbeatMs                            int
	Devices, Parts, Part, IntervalMs                 int
	Conflated                                        uint64
	Now                                              int64
	Cursor                                           string
	RetryAfterMs                                     *int64
	Positions                                        []struct {
		DeviceID string
		TS       int64
		Lat      float64
	}
	Added, Removed []string
}

// screen holds what a client has received, and fails the test when a frame breaks
// a rule of the protocol. Any goroutine may use it.
type screen struct {
	t  testing.TB
	mu sync.Mutex

	log          []serverFrame
	shown        map[string]map[string]int64 // topic -> device -> ts
	unsubscribed map[string]bool             // topics of which nothing may come
	live         map[string]int              // topic -> positions in live frames
	conflated    map[string]int              // topic -> updates that the server says it left out
}

func newScreen(t testing.TB) *screen {
	return &screen{t: t, shown: map[string]map[string]int64{}, unsubscribed: map[string]bool{}, live: map[string]int{}, conflated: map[string]int{}}
}

// receive takes the next text frame.
func (s *screen) receive(data []byte) {
	var f serverFrame
	if err := json.Unmarshal(data, &f); err != nil {
		s.t.Errorf("frame %q: %v", data, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) == 0 && f.Type != "welcome" && f.Type != "drain" { // a drain ends connections that begin
		s.t.Errorf("the first frame is %+v, want the welcome", f)
	}
	s.log = append(s.log, f)
	if f.Topic != "" && s.unsubscribed[f.Topic] && f.Type != "subscribed" && f.Type != "unsubscribed" {
		s.t.Errorf("got a frame of type %s of %s after unsubscribed, want none", f.Type, f.Topic)
	}
	switch f.Type {
	case "position":
		s.move(f.Topic, f.DeviceID, f.TS, f.Lat, true)
		s.live[f.Topic]++
	case "positions", "snapshot":
		for _, p := range f.Positions {
			s.move(f.Topic, p.DeviceID, p.TS, p.Lat, f.Reason != "lagged")
		}
		if f.Type == "positions" {
			s.live[f.Topic] += len(f.Positions)
		}
		s.conflated[f.Topic] += int(f.Conflated)
	case "subscribed":
		s.unsubscribed[f.Topic] = false
	case "unsubscribed":
		s.unsubscribed[f.Topic] = true
		delete(s.shown, f.Topic)
	case "roster":
		for _, d := range f.Removed {
			delete(s.shown[f.Topic], d)
		}
	}
}

// move shows a device at a new position. newer says that its time must be newer
// than the time shown; otherwise it may be the same.
func (s *screen) move(topic, device string, ts int64, lat float64, newer bool) {
	m := s.shown[topic]
	if m == nil {
		m = map[string]int64{}
		s.shown[topic] = m
	}
	if before, ok := m[device]; ok && (ts < before || newer && ts == before) {
		s.t.Errorf("%s: the time of %s went from %d to %d, want a newer one", topic, device, before, ts)
	}
	if d := lat - latOf(ts); d > 1e-6 || d < -1e-6 {
		s.t.Errorf("%s: %s at time %d has latitude %v, want %v", topic, device, ts, lat, latOf(ts))
	}
	m[device] = ts
}

// shownTS is the time of the position that the screen shows of a device; 0 if it
// shows none.
func (s *screen) shownTS(event, device string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown["event:"+event][device]
}

// count returns how many positions of an event came in live frames, and how many
// updates the server says it left out.
func (s *screen) count(event string) (live, conflated int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live["event:"+event], s.conflated["event:"+event]
}

// shows reports whether the screen shows the last position published of each of
// the devices, and no others.
func (s *screen) shows(r *rig, event string, devices []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.shown["event:"+event]
	for _, d := range devices {
		if m[d] != r.latest[d] {
			return false
		}
	}
	return len(m) == len(devices)
}

// last is the newest frame.
func (s *screen) last() serverFrame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log[len(s.log)-1]
}

// frameCount is how many frames have come so far.
func (s *screen) frameCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

// framesWhere returns the frames that match, in order.
func (s *screen) framesWhere(match func(serverFrame) bool) (list []serverFrame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.log {
		if match(f) {
			list = append(list, f)
		}
	}
	return list
}

// spectator is a client on a WebSocket library that is not the server's. A
// goroutine reads all the time, so it is never slow.
type spectator struct {
	*screen
	r    *rig
	ws   *websocket.Conn
	err  error         // why reading ended; valid once done is closed
	done chan struct{} // closed when reading has ended
	id   int           // of the last request
}

// watch connects a spectator with a query ("" or "batch=1"), and subscribes it to
// the events.
func (r *rig) watch(query string, events ...string) *spectator {
	r.t.Helper()
	s := r.connect(query, nil)
	for _, e := range events {
		s.subscribe(e)
	}
	return s
}

// connect connects a spectator, which reads until the test ends.
func (r *rig) connect(query string, o *websocket.DialOptions) *spectator {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+r.addr+"/live?"+query, o)
	if err != nil {
		r.t.Fatal(err)
	}
	ws.SetReadLimit(64 << 20)
	s := &spectator{screen: newScreen(r.t), r: r, ws: ws, done: make(chan struct{})}
	go s.read()
	r.t.Cleanup(func() {
		_ = ws.CloseNow()
		<-s.done
	})
	return s
}

func (s *spectator) read() {
	defer close(s.done)
	for {
		_, data, err := s.ws.Read(context.Background())
		if err != nil {
			s.err = err
			return
		}
		s.receive(data)
	}
}

// send sends a text message.
func (s *spectator) send(message string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.ws.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		s.t.Fatalf("send %s: %v", message, err)
	}
}

// request sends a request of a type (kind) with the next id. members is what
// follows the id, beginning with a comma.
func (s *spectator) request(kind, members string) (id string) {
	s.t.Helper()
	s.id++
	id = strconv.Itoa(s.id)
	s.send(fmt.Sprintf(`{"type":%q,"id":%q%s}`, kind, id, members))
	return id
}

// awaitAnswer waits for the frame that carries id.
func (s *spectator) awaitAnswer(id string) serverFrame {
	s.t.Helper()
	return s.awaitFrame("the answer to "+id, func(f serverFrame) bool { return f.ID == id })
}

// awaitFrame waits for the first frame that matches.
func (s *spectator) awaitFrame(what string, match func(serverFrame) bool) (found serverFrame) {
	s.t.Helper()
	next := 0
	eventually(s.t, what, func() bool {
		ended := s.ended()
		s.mu.Lock()
		defer s.mu.Unlock()
		for ; next < len(s.log); next++ {
			if match(s.log[next]) {
				found = s.log[next]
				return true
			}
		}
		if ended {
			s.t.Fatalf("waiting for %s: %v", what, s.err)
		}
		return false
	})
	return found
}

// awaitError waits for an error frame about an event's topic. It must have a code,
// and no id, since it answers no request.
func (s *spectator) awaitError(event, code string) {
	s.t.Helper()
	f := s.awaitFrame("an error about "+event, func(f serverFrame) bool { return f.Type == "error" && f.Topic == "event:"+event })
	if f.Code != code || f.ID != "" {
		s.t.Errorf("got error %+v about %s, want code %s and no id", f, event, code)
	}
}

// subscribe subscribes to an event and waits for the answer and the snapshot.
func (s *spectator) subscribe(event string) serverFrame {
	s.t.Helper()
	got := s.subscribeAgain(event)
	if got.Type != "subscribed" {
		s.t.Fatalf("subscribe to %s: got %+v, want subscribed", event, got)
	}
	for part := range got.Parts {
		s.awaitFrame("a snapshot part", func(f serverFrame) bool {
			return f.Type == "snapshot" && f.Topic == got.Topic && f.Part == part+1
		})
	}
	return got
}

// subscribeAgain subscribes to an event, also where it is subscribed already, and
// returns the answer.
func (s *spectator) subscribeAgain(event string) serverFrame {
	s.t.Helper()
	return s.awaitAnswer(s.request("subscribe", `,"topic":"event:`+event+`"`))
}

// awaitPosition waits until the screen shows a device at ts or later.
func (s *spectator) awaitPosition(event, device string, ts int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%s to be shown in %s at time %d", device, event, ts), func() bool { return s.shownTS(event, device) >= ts })
}

// ended reports whether reading has ended.
func (s *spectator) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// awaitClose waits for the end of the connection and checks the close code.
func (s *spectator) awaitClose(code websocket.StatusCode) {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Fatalf("the connection was not closed within %v, want close code %d", patience, code)
	}
	if got := websocket.CloseStatus(s.err); got != code {
		s.t.Fatalf("got close code %d (%v), want %d", got, s.err, code)
	}
}
