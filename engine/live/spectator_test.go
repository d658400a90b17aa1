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

// spectator is a client with the library that people use. A goroutine of its
// own reads all the time, and checks what must always hold.
type spectator struct {
	r  *rig
	t  testing.TB
	ws *websocket.Conn

	mu     sync.Mutex
	log    []said
	screen map[string]map[string]int64 // topic -> device -> ts
	off    map[string]bool             // unsubscribed: nothing may come
	err    error                       // why reading ended
	done   chan struct{}
	id     int
}

// spectator connects with a query ("" or "batch=1"), and reads until the test
// ends.
func (r *rig) spectator(query string) *spectator {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+r.addr+"/live?"+query, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	ws.SetReadLimit(64 << 20)
	s := &spectator{r: r, t: r.t, ws: ws, screen: map[string]map[string]int64{}, off: map[string]bool{}, done: make(chan struct{})}
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
		s.mu.Lock()
		if err != nil {
			s.err = err
			s.mu.Unlock()
			return
		}
		var f said
		if err := json.Unmarshal(data, &f); err != nil {
			s.t.Errorf("frame %q: %v", data, err)
		}
		s.take(f)
		s.mu.Unlock()
	}
}

// take notes a frame; s.mu is held.
func (s *spectator) take(f said) {
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
	case "positions", "snapshot":
		for _, p := range f.Positions {
			s.position(f.Topic, p.DeviceID, p.TS, p.Lat, f.Reason != "lagged")
		}
	case "subscribed":
		s.off[f.Topic] = false
	case "unsubscribed":
		s.off[f.Topic] = true
		delete(s.screen, f.Topic)
	case "roster":
		for _, d := range f.Removed {
			delete(s.screen[f.Topic], d)
		}
	}
}

func (s *spectator) position(topic, device string, ts int64, lat float64, newer bool) {
	m := s.screen[topic]
	if m == nil {
		m = map[string]int64{}
		s.screen[topic] = m
	}
	if had, ok := m[device]; ok && (ts < had || newer && ts == had) {
		s.t.Errorf("%s: %s went from %d to %d", topic, device, had, ts)
	}
	if d := lat - latOf(ts); d > 1e-6 || d < -1e-6 {
		s.t.Errorf("%s: %s@%d is at %v, want %v", topic, device, ts, lat, latOf(ts))
	}
	m[device] = ts
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
		s.mu.Lock()
		defer s.mu.Unlock()
		for ; next < len(s.log); next++ {
			if match(s.log[next]) {
				found = s.log[next]
				return true
			}
		}
		if s.err != nil {
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

func (s *spectator) at(event, device string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen["event:"+event][device]
}

// ended waits for the end of the connection and checks the close code.
func (s *spectator) ended(code websocket.StatusCode) {
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

// quiet returns how many frames there are so far.
func (s *spectator) frames() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}
