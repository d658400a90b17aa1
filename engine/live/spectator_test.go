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

	"pitwall/engine/internal/testenv"
)

// said is any frame of the server.
type said struct {
	Type, ID, Topic, Reason, Code, Message, Instance string
	DeviceID                                         string
	TS                                               int64
	Lat                                              float64
	Protocol, HeartbeatMs                            int
	Devices, Parts, Part, IntervalMs                 int
	Conflated                                        uint64
	Positions                                        []struct {
		DeviceID string
		TS       int64
		Lat      float64
	}
	Added, Removed []string
}

// screen is what a spectator has got, and checks what must always hold.
type screen struct {
	t  testing.TB
	mu sync.Mutex

	log       []said
	seen      map[string]map[string]int64 // topic -> device -> ts
	off       map[string]bool             // unsubscribed: nothing may come
	live      map[string]int              // topic -> positions that came one by one
	conflated map[string]int              // topic -> updates left out, as told
}

func newScreen(t testing.TB) *screen {
	return &screen{t: t, seen: map[string]map[string]int64{}, off: map[string]bool{}, live: map[string]int{}, conflated: map[string]int{}}
}

// frame takes a text frame in.
func (s *screen) frame(data []byte) {
	var f said
	if err := json.Unmarshal(data, &f); err != nil {
		s.t.Errorf("frame %q: %v", data, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) == 0 && f.Type != "welcome" {
		s.t.Errorf("first frame is %+v, want the welcome", f)
	}
	s.log = append(s.log, f)
	if f.Topic != "" && s.off[f.Topic] && f.Type != "subscribed" && f.Type != "unsubscribed" {
		s.t.Errorf("%s of %s behind unsubscribed", f.Type, f.Topic)
	}
	switch f.Type {
	case "position":
		s.position(f.Topic, f.DeviceID, f.TS, f.Lat, true)
		s.live[f.Topic]++
	case "positions", "snapshot":
		for _, p := range f.Positions {
			s.position(f.Topic, p.DeviceID, p.TS, p.Lat, f.Reason != "lagged")
		}
		if f.Type == "positions" {
			s.live[f.Topic] += len(f.Positions)
		}
		s.conflated[f.Topic] += int(f.Conflated)
	case "subscribed":
		s.off[f.Topic] = false
	case "unsubscribed":
		s.off[f.Topic] = true
		delete(s.seen, f.Topic)
	case "roster":
		for _, d := range f.Removed {
			delete(s.seen[f.Topic], d)
		}
	}
}

func (s *screen) position(topic, device string, ts int64, lat float64, newer bool) {
	m := s.seen[topic]
	if m == nil {
		m = map[string]int64{}
		s.seen[topic] = m
	}
	if had, ok := m[device]; ok && (ts < had || newer && ts == had) {
		s.t.Errorf("%s: %s went from %d to %d", topic, device, had, ts)
	}
	if d := lat - latOf(ts); d > 1e-6 || d < -1e-6 {
		s.t.Errorf("%s: %s@%d is at %v, want %v", topic, device, ts, lat, latOf(ts))
	}
	m[device] = ts
}

// at is when the device was where the screen shows it; 0 for nowhere.
func (s *screen) at(event, device string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen["event:"+event][device]
}

// count returns how many positions of an event came one by one, and how many
// updates were said to be left out.
func (s *screen) count(event string) (live, conflated int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live["event:"+event], s.conflated["event:"+event]
}

// shows reports whether an event's dots are where they were last published,
// for the devices named and no others.
func (s *screen) shows(r *rig, event string, devices []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.seen["event:"+event]
	for _, d := range devices {
		if m[d] != r.latest[d] {
			return false
		}
	}
	return len(m) == len(devices)
}

// frames is how many frames there are so far.
func (s *screen) frames() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

// those returns the frames that match.
func (s *screen) those(match func(said) bool) (list []said) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.log {
		if match(f) {
			list = append(list, f)
		}
	}
	return list
}

// spectator is a client with the library that people use. A goroutine of its
// own reads all the time.
type spectator struct {
	*screen
	r    *rig
	ws   *websocket.Conn
	err  error         // why reading ended; to be read behind done
	done chan struct{} // closed when reading has ended
	id   int
}

// spectator connects with a query ("" or "batch=1"), and reads until the test
// ends.
func (r *rig) spectator(query string) *spectator {
	r.t.Helper()
	return r.connect(query, nil)
}

// connect is spectator with options.
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
		s.frame(data)
	}
}

// send sends a request.
func (s *spectator) send(message string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.ws.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		s.t.Fatalf("send %s: %v", message, err)
	}
}

// ask sends a request with the next id; members follow the id.
func (s *spectator) ask(kind, members string) (id string) {
	s.t.Helper()
	s.id++
	id = strconv.Itoa(s.id)
	s.send(fmt.Sprintf(`{"type":%q,"id":%q%s}`, kind, id, members))
	return id
}

// answer waits for the frame that carries id.
func (s *spectator) answer(id string) said {
	s.t.Helper()
	return s.find("the answer to "+id, func(f said) bool { return f.ID == id })
}

// find waits for a frame.
func (s *spectator) find(what string, match func(said) bool) (found said) {
	s.t.Helper()
	next := 0
	testenv.Eventually(s.t, patience, what, func() bool {
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

// subscribe subscribes to an event and waits for the answer and the snapshot.
func (s *spectator) subscribe(event string) said {
	s.t.Helper()
	got := s.answer(s.ask("subscribe", fmt.Sprintf(`,"topic":"event:%s"`, event)))
	if got.Type != "subscribed" {
		s.t.Fatalf("subscribe to %s answered with %+v", event, got)
	}
	for part := range got.Parts {
		s.find("a snapshot part", func(f said) bool {
			return f.Type == "snapshot" && f.Topic == got.Topic && f.Part == part+1
		})
	}
	return got
}

// sees waits until a device is on the screen of an event with at least ts.
func (s *spectator) sees(event, device string, ts int64) {
	s.t.Helper()
	testenv.Eventually(s.t, patience, device+" on the screen of "+event, func() bool { return s.at(event, device) >= ts })
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

// closed waits for the end of the connection and checks the close code.
func (s *spectator) closed(code websocket.StatusCode) {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Fatalf("not closed within %v", patience)
	}
	if got := websocket.CloseStatus(s.err); got != code {
		s.t.Fatalf("closed with %d (%v), want %d", got, s.err, code)
	}
}
