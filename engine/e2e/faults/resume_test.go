package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// returning is a spectator that keeps its screen and its cursor when it is disconnected,
// by the rules of the protocol's page.
type returning struct {
	s      *stack
	client *e2etest.Client
	asked  time.Time // for a cursor

	mu      sync.Mutex // guards what follows
	shown   map[string]int64
	cursor  string
	next    string // takes over once the snapshot is complete
	missing int
	whole   bool
	seen    map[string]bool
	resent  int // positions in snapshots since the last subscribe
	reasons map[string]int
}

// subscribe connects to an instance, subscribes with the cursor, and waits for the
// snapshot.
func (v *returning) subscribe(addr string) {
	v.s.T.Helper()
	v.mu.Lock()
	since := v.cursor
	v.missing, v.resent, v.reasons = -1, 0, map[string]int{}
	v.mu.Unlock()
	var err error
	if v.client, _, err = e2etest.Connect(addr, "?batch=1", http.Header{}, v.receive); err != nil {
		v.s.T.Fatal(err)
	}
	v.s.T.Cleanup(v.client.Cut)
	v.send(fmt.Sprintf(`{"type":"subscribe","topic":"event:%s","since":%q}`, e2etest.Event, since))
	v.s.Eventually("the snapshot", func() bool { v.mu.Lock(); defer v.mu.Unlock(); return v.missing == 0 })
}

func (v *returning) send(text string) {
	if err := v.client.Send(text); err != nil {
		v.s.T.Error(err)
	}
}

// askForCursor waits for the answer to a ping.
func (v *returning) askForCursor() string {
	v.s.T.Helper()
	v.mu.Lock()
	v.cursor = ""
	v.mu.Unlock()
	v.s.Eventually("a cursor", func() bool {
		if time.Since(v.asked) > time.Second { // more often is refused
			v.asked = time.Now()
			v.send(`{"type":"ping","cursor":true}`)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.cursor != ""
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cursor
}

func (v *returning) receive(f e2etest.Frame) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var more struct{ Cursor string }
	_ = json.Unmarshal([]byte(f.Text), &more)
	switch {
	case f.Type == "subscribed":
		v.missing, v.whole, v.seen, v.cursor, v.next = f.Parts, true, map[string]bool{}, "", more.Cursor
	case f.Type == "pong" && more.Cursor != "":
		v.cursor = more.Cursor
	case f.Type == "error":
		v.s.T.Errorf("got %s", f.Text)
	}
	for _, d := range f.Removed {
		delete(v.shown, d)
		delete(v.seen, d)
	}
	if f.Type == "position" {
		f.Positions = append(f.Positions, f.Position)
	}
	for _, p := range f.Positions {
		v.seen[p.DeviceID] = true
		if old, ok := v.shown[p.DeviceID]; !ok || p.TS >= old || f.Reason == "subscribe" || f.Reason == "corrected" {
			v.shown[p.DeviceID] = p.TS
		}
	}
	if f.Type != "snapshot" {
		return
	}
	v.reasons[f.Reason]++
	v.resent += len(f.Positions)
	if f.Reason == "subscribe" || f.Reason == "resume" {
		v.whole = v.whole && f.Reason == "subscribe"
		v.missing--
	}
	if v.missing == 0 && v.next != "" {
		v.cursor, v.next = v.next, ""
	}
	if v.missing == 0 && v.whole {
		maps.DeleteFunc(v.shown, func(d string, _ int64) bool { return !v.seen[d] })
	}
}

// wantTable waits until the screen shows the last good position of each device of the
// event, and nothing else.
func (v *returning) wantTable() {
	v.s.T.Helper()
	v.s.Eventually("the last-value table on the screen", func() bool {
		want := map[string]int64{}
		for _, line := range strings.Fields(v.s.SQL(`SELECT DISTINCT ON (device_id) device_id || '|' || round(extract(epoch FROM ts) * 1000)
			FROM positions JOIN entry_devices USING (device_id) WHERE NOT faulty ORDER BY device_id, ts DESC`)) {
			device, ts, _ := strings.Cut(line, "|")
			want[device], _ = strconv.ParseInt(ts, 10, 64)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		return maps.Equal(v.shown, want)
	})
}

// Two instances read one Redis. A spectator of the first one comes back to the second one
// after the first has stopped. Meanwhile devices move, join, leave, and lose a position to
// a faulty mark. The spectator gets what has changed, and no more; its screen is the
// last-value table. An instance that has just started sends a whole snapshot.
func TestResumeAtAnotherInstance(t *testing.T) {
	const devices = 200
	s := newStack(t, devices)
	first, second := s.Start("--instance-id=one"), s.Start("--instance-id=two")
	from := time.Now().UnixMilli() - 1000
	send := func(device int, ts int64) { s.Add(record(e2etest.Device(device), ts, device)...) }
	for d := range devices {
		send(d, from)
	}
	send(4, from+1)
	v, probe := &returning{s: s, shown: map[string]int64{}}, &returning{s: s, shown: map[string]int64{}}
	v.subscribe(first.HTTP)
	v.wantTable()
	s.Eventually("the other instance to know what it needs", func() bool {
		send(devices-1, time.Now().UnixMilli()) // the cursor advances with the stream
		probe.cursor = v.askForCursor()
		probe.subscribe(second.HTTP)
		probe.client.Cut()
		return probe.reasons["resume"] > 0 && probe.resent <= 1
	})

	v.askForCursor()
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	send(1, from+2)
	send(2, from+2)
	s.Eventually("the rows", func() bool {
		return s.Number(fmt.Sprintf("SELECT count(*) FROM positions WHERE ts = to_timestamp(%d / 1000.0)", from+2)) == 2
	})
	s.SQL(fmt.Sprintf(`UPDATE positions SET faulty = true WHERE device_id = '%s' AND ts = to_timestamp(%d / 1000.0);
		UPDATE positions SET faulty = true WHERE device_id = '%s';
		DELETE FROM entry_devices WHERE device_id = '%s';
		UPDATE entry_devices SET device_id = 'new' WHERE device_id = '%s'`,
		e2etest.Device(4), from+1, e2etest.Device(5), e2etest.Device(6), e2etest.Device(7)))
	s.Add("device_id", "new", "ts", fmt.Sprint(from+3), "lat", "1", "lon", "2")
	stayed := &returning{s: s, shown: map[string]int64{}}
	stayed.subscribe(second.HTTP)
	stayed.wantTable()

	v.subscribe(second.HTTP)
	v.wantTable()
	if v.reasons["resume"] == 0 || v.reasons["subscribe"] > 0 || v.reasons["corrected"] == 0 || v.resent > 10 {
		t.Errorf("it came back with the snapshots %v and %d positions, want a resume with few", v.reasons, v.resent)
	}
	send(3, from+4)
	v.wantTable()
	v.askForCursor()

	again := s.Start("--instance-id=one")
	v.subscribe(again.HTTP)
	v.wantTable()
	if v.reasons["subscribe"] == 0 || v.reasons["resume"] > 0 {
		t.Errorf("an instance that has just started sent %v, want a whole snapshot", v.reasons)
	}
}
