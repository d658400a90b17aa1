package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pitwall/engine/internal/redis"
)

var _ Publisher = (*redis.Client)(nil)

// sent is one record as it was published.
type sent struct {
	at     time.Time
	stream string
	fields map[string]string
}

// recorder keeps what is published, or fails.
type recorder struct {
	sent []sent
	err  error
}

func (r *recorder) AddAll(_ context.Context, stream string, _ int64, records [][]string) error {
	if r.err != nil {
		return r.err
	}
	now := time.Now()
	for _, rec := range records {
		fields := map[string]string{}
		for i := 0; i < len(rec); i += 2 {
			fields[rec[i]] = rec[i+1]
		}
		r.sent = append(r.sent, sent{now, stream, fields})
	}
	return nil
}

// simulate runs a simulator for d. It adds half a tick, so that the last tick is
// certainly included.
func simulate(t *testing.T, o Options, d time.Duration) *Simulator {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := NewSimulator(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d+tickTime/2)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// A device that starts without coverage is still on the map.
func TestEveryDeviceSendsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const devices = 2000
		r := &recorder{}
		simulate(t, Options{Devices: devices, Publisher: r, Streams: []string{"s"}, Seed: 1}, period)
		heard := map[string]bool{}
		for _, rec := range r.sent {
			heard[rec.fields["device_id"]] = true
		}
		for i := range devices {
			if id := deviceID(i); !heard[id] {
				t.Errorf("%s has sent nothing in %v", id, period)
			}
		}
	})
}

// payloadA is shape A's JSON.
type payloadA struct {
	DeviceID   string         `json:"device_id"`
	Timestamp  time.Time      `json:"timestamp"`
	Lat        float64        `json:"latitude"`
	Lon        float64        `json:"longitude"`
	Alt        float64        `json:"altitude"`
	Angle      float64        `json:"angle"`
	Speed      float64        `json:"speed"`
	Sats       int            `json:"satellites"`
	Priority   *int           `json:"priority"`
	Attributes map[string]any `json:"attributes"`
	Faulty     *bool          `json:"faulty"`
}

// parsed is what parse finds in a record of either shape.
type parsed struct {
	device string
	ts     time.Time
	faulty bool
	flat   bool
}

func parse(f map[string]string) (p parsed, ok bool) {
	p.device = f["device_id"]
	var lat, lon float64
	if raw, shapeA := f["payload"]; shapeA {
		var a payloadA
		if err := json.Unmarshal([]byte(raw), &a); err != nil || a.DeviceID != p.device || a.Faulty == nil || a.Priority == nil || a.Attributes["battery"] == nil {
			return p, false
		}
		p.ts, p.faulty, lat, lon = a.Timestamp, *a.Faulty, a.Lat, a.Lon
	} else {
		p.flat = true
		ms, err := strconv.ParseInt(f["ts"], 10, 64)
		var errLat, errLon error
		lat, errLat = strconv.ParseFloat(f["lat"], 64)
		lon, errLon = strconv.ParseFloat(f["lon"], 64)
		if errors.Join(err, errLat, errLon) != nil || !json.Valid([]byte(f["attributes"])) {
			return p, false
		}
		p.ts, p.faulty = time.UnixMilli(ms), f["faulty"] == "true"
	}
	return p, p.device != "" && math.Abs(lat) <= 90 && math.Abs(lon) <= 180
}

// TestSimulatedRecords checks all records of 40 devices in a quarter of an hour.
func TestSimulatedRecords(t *testing.T) {
	const devices, minutes = 40, 15
	var rec recorder
	var s *Simulator
	synctest.Test(t, func(t *testing.T) {
		s = simulate(t, Options{Devices: devices, Publisher: &rec, Streams: []string{"telemetry:a", "telemetry:b"}, Seed: 3}, minutes*time.Minute)
	})
	inEvent := map[string]bool{}
	for _, row := range s.Roster() {
		inEvent[row.Device] = true
	}
	var broken, faulty, flat, late, disordered, orphan int
	streams, newest := map[string]string{}, map[string]time.Time{}
	seen := map[string]map[time.Time]bool{}
	for _, r := range rec.sent {
		p, ok := parse(r.fields)
		if !ok {
			broken++
			continue
		}
		if other, ok := streams[p.device]; ok && other != r.stream {
			t.Fatalf("%s publishes to %s and %s", p.device, other, r.stream)
		}
		streams[p.device] = r.stream
		if seen[p.device] == nil {
			seen[p.device] = map[time.Time]bool{}
		}
		if seen[p.device][p.ts] {
			t.Fatalf("%s sent two fixes of %v", p.device, p.ts)
		}
		seen[p.device][p.ts] = true
		age := r.at.Sub(p.ts)
		if age < 0 || age > maxStored*time.Second {
			t.Fatalf("%s: a fix of %v sent at %v", p.device, p.ts, r.at)
		}
		count := func(n *int, cond bool) {
			if cond {
				*n++
			}
		}
		count(&late, age > 2*tickTime)
		count(&disordered, p.ts.Before(newest[p.device]))
		count(&faulty, p.faulty)
		count(&flat, p.flat)
		count(&orphan, !inEvent[p.device])
		if p.ts.After(newest[p.device]) {
			newest[p.device] = p.ts
		}
	}
	t.Logf("%d records: %d broken, %d faulty, %d flat, %d late, %d of them out of order, %d of orphans",
		len(rec.sent), broken, faulty, flat, late, disordered, orphan)
	total := len(rec.sent)
	inRange(t, "records", total, devices*60*minutes*85/100, (devices+orphans)*60*minutes+100)
	inRange(t, "broken records", broken, 2, 40)
	inRange(t, "faulty records", faulty, 8, 100)
	inRange(t, "records of shape B", flat, total*8/100, total*12/100)
	inRange(t, "late records", late, 150, total/4)
	inRange(t, "records out of order", disordered, 20, late)
	inRange(t, "records of orphans", orphan, 500, orphans*60*minutes)
	inRange(t, "devices", len(seen), devices+orphans-2, devices+orphans)
	if len(streams) > 0 && strings.Count(joined(streams), "telemetry:a") < devices/4 {
		t.Error("devices are not spread over the streams")
	}
}

func inRange(t *testing.T, what string, n, low, high int) {
	t.Helper()
	if n < low || n > high {
		t.Errorf("%d %s, want %d to %d", n, what, low, high)
	}
}

func joined(m map[string]string) string {
	var b strings.Builder
	for _, v := range m {
		b.WriteString(v + " ")
	}
	return b.String()
}

func TestFixesAreSpreadOverTheSecond(t *testing.T) {
	var rec recorder
	synctest.Test(t, func(t *testing.T) {
		simulate(t, Options{Devices: 400, Publisher: &rec, Streams: []string{"s"}}, 10*time.Second)
	})
	slots := map[int64]int{}
	for _, r := range rec.sent {
		slots[r.at.UnixMilli()/100]++
	}
	for slot, n := range slots {
		if n > 80 {
			t.Errorf("%d records in slot %d of 100 ms, 40 would be even", n, slot)
		}
	}
	if len(slots) < 99 {
		t.Errorf("records in %d of 100 slots", len(slots))
	}
}

func TestSameSeedSameRecords(t *testing.T) {
	run := func(seed uint64) []sent {
		var rec recorder
		synctest.Test(t, func(t *testing.T) {
			simulate(t, Options{Devices: 30, Publisher: &rec, Streams: []string{"s"}, Seed: seed}, 2*time.Minute)
		})
		return rec.sent
	}
	a, b, other := run(1), run(1), run(2)
	if !reflect.DeepEqual(a, b) {
		t.Error("two runs with one seed differ")
	}
	if reflect.DeepEqual(a, other) {
		t.Error("another seed makes no difference")
	}
}

// TestScheduleRestartsWhenTheClockJumps simulates a laptop that sleeps for eight
// hours, and a clock that is set back by one.
func TestScheduleRestartsWhenTheClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"sleep": 8 * time.Hour, "set back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			var rec recorder
			s, err := NewSimulator(Options{Devices: 10, Publisher: &rec, Streams: []string{"s"}, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			now := time.UnixMilli(1_700_000_000_000)
			s.start = now
			for range 5 {
				s.collect(now)
				s.publish(t.Context())
				now = now.Add(time.Second)
			}
			now = now.Add(jump)
			rec.sent = nil
			for range 3 {
				s.collect(now)
				s.publish(t.Context())
				now = now.Add(time.Second)
			}
			if n := len(rec.sent); n < 13 || n > 13*5 {
				t.Errorf("%d records within three seconds after the jump", n)
			}
			for _, r := range rec.sent {
				if p, ok := parse(r.fields); ok && (now.Sub(p.ts) > maxBehind+3*time.Second || p.ts.After(now)) {
					t.Errorf("a fix of %v at %v", p.ts, now)
				}
			}
		})
	}
}

// The monotonic clock stops while a machine sleeps. A schedule by that clock would
// fall behind the wall clock.
func TestScheduleFollowsTheWallClock(t *testing.T) {
	s := simulate(t, Options{Devices: 1, Publisher: &recorder{}, Streams: []string{"s"}}, 0)
	if s.start != s.start.Round(0) {
		t.Errorf("the schedule starts at %v, which has a monotonic reading", s.start)
	}
}
