package clocks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// stepsAt is when the clock of the server "steps" steps back, by default.
const stepsAt = 0.55

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// staged is a race without servers, with the reference devices, some others and one
// screen. Its records are one second apart.
func staged(t *testing.T, kinds ...string) (*race, *screen) {
	t.Helper()
	o := Options{Duration: time.Hour, Every: time.Second, Devices: 1, Spectators: 1, Kinds: kinds}
	r := newRace(o, allServers(stepsAt)[0], newTally())
	r.state.start = time.Now().Add(-time.Hour)
	for _, d := range r.devices {
		for n := range int64(100) {
			group := []record{{n: n + 1, taken: r.at(n + 1)}}
			d.sending(group)
			d.stored(group, []string{"0-1"}, r.at(n+1))
		}
	}
	s := r.screens[0]
	s.begin()
	return r, s
}

// at is when record n was taken.
func (r *race) at(n int64) time.Time {
	return r.state.start.Add(10*time.Minute + time.Duration(n)*time.Second)
}

// say is a frame with places of a device, given as pairs of record number and time.
func say(kind, reason, device string, pairs ...int64) []byte {
	var list []string
	for p := range slices.Chunk(pairs, 2) {
		list = append(list, fmt.Sprintf(`{"deviceId":%q,"ts":%d,"lat":%.5f,"lon":7.5}`, device, p[1], float64(p[0])/perDegree))
	}
	if kind == "position" {
		return []byte(`{"type":"position","topic":"event:race",` + list[0][1:])
	}
	return []byte(fmt.Sprintf(`{"type":%q,"topic":"event:race","reason":%q,"part":1,"parts":1,"positions":[%s]}`, kind, reason, strings.Join(list, ",")))
}

// TestScreenFinds: each fault is found under its name, and what is allowed is not a
// fault.
func TestScreenFinds(t *testing.T) {
	for _, c := range []struct {
		name string
		say  func(device string) [][]byte
		want map[string]int
	}{
		{"newer places with newer times", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 1, 1000), say("positions", "", d, 2, 2000, 3, 2001)}
		}, nil},
		{"an older place with a newer time", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 5, 1000), say("position", "", d, 4, 2000)}
		}, map[string]int{faultOlder: 1}},
		{"an older place in the middle of a frame", func(d string) [][]byte {
			return [][]byte{say("positions", "", d, 1, 1000, 3, 3000, 2, 4000, 4, 5000)}
		}, map[string]int{faultOlder: 1}},
		{"a newer place with an older time", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 5, 1000), say("position", "", d, 6, 999)}
		}, map[string]int{faultTime: 1}},
		{"another place with the same time", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 5, 1000), say("position", "", d, 6, 1000)}
		}, map[string]int{faultTime: 1}},
		{"the same place with the same time", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 5, 1000), say("position", "", d, 5, 1000)}
		}, nil},
		{"the same place with an older time", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 5, 1000), say("position", "", d, 5, 990)}
		}, map[string]int{faultTime: 1}},
		{"back in time by a correction", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 5, 1000), say("snapshot", "corrected", d, 4, 900)}
		}, nil},
		{"back in time in a snapshot after a slow phase", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 5, 1000), say("snapshot", "lagged", d, 4, 900)}
		}, map[string]int{faultOlder: 1}},
		{"a place that was never published", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 101, 1000)}
		}, map[string]int{faultUnknown: 1}},
		{"a device that was never published", func(string) [][]byte {
			return [][]byte{say("position", "", "stranger", 1, 1000)}
		}, map[string]int{faultUnknown: 1}},
		{"a device that is removed", func(d string) [][]byte {
			return [][]byte{say("position", "", d, 5, 1000), []byte(`{"type":"roster","topic":"event:race","added":[],"removed":["` + d + `"]}`)}
		}, map[string]int{faultMissing: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, s := staged(t, "right")
			for _, text := range c.say(r.devices[len(r.devices)-1].name) {
				if err := s.take(text); err != nil {
					t.Fatal(err)
				}
			}
			expect(t, r, c.want)
		})
	}
}

// TestScreenAfterARestart: only the first snapshot after a restart may show the same
// record, or a newer one, with an earlier time than before.
func TestScreenAfterARestart(t *testing.T) {
	for _, c := range []struct {
		name    string
		restart bool
		n, ts   int64 // in the snapshot
		then    int64 // the time of record 7
		want    map[string]int
	}{
		{"the same record, earlier", true, 5, 990, 1001, nil},
		{"the same record, earlier, and the next before it", true, 5, 990, 995, map[string]int{faultTime: 1}},
		{"a newer record, earlier", true, 6, 990, 995, nil},
		{"an older record", true, 4, 1001, 1002, map[string]int{faultOlder: 1}},
		{"a new connection to the same engine", false, 6, 990, 1001, map[string]int{faultTime: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, s := staged(t, "right")
			d := r.devices[len(r.devices)-1].name
			s.begin()
			take := func(text []byte) {
				t.Helper()
				if err := s.take(text); err != nil {
					t.Fatal(err)
				}
			}
			take(say("position", "", d, 5, 1000))
			if c.restart {
				r.restarting()
			}
			s.end()
			s.begin()
			take(say("snapshot", "subscribe", d, c.n, c.ts))
			take(say("position", "", d, 7, c.then))
			expect(t, r, c.want)
		})
	}
}

// expect compares the faults that were found.
func expect(t *testing.T, r *race, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, row := range r.tally.streams {
		for fault, n := range row.Faults {
			got[fault] += n
		}
	}
	for _, fault := range faults {
		if got[fault] != want[fault] {
			t.Errorf("%s was found %d times, want %d: %q", fault, got[fault], want[fault], r.tally.examples)
		}
	}
}

// TestScreenRemembers: the order is checked across connections, and a device that is
// not in a new snapshot is missing.
func TestScreenRemembers(t *testing.T) {
	r, s := staged(t, "right", "untimed")
	right, untimed := r.devices[len(r.devices)-2].name, r.devices[len(r.devices)-1].name
	take := func(texts ...[]byte) {
		t.Helper()
		for _, text := range texts {
			if err := s.take(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	answer := []byte(`{"type":"subscribed","id":"1","topic":"event:race","devices":2,"parts":1}`)
	take(answer, say("snapshot", "subscribe", right, 10, 1000), say("position", "", untimed, 3, 1000))
	expect(t, r, nil)
	s.end()
	s.begin()
	take(answer, say("snapshot", "subscribe", right, 9, 1001))
	expect(t, r, map[string]int{faultOlder: 1, faultMissing: 1})
}

// TestErrorFrame: an error of the server is an error of the race.
func TestErrorFrame(t *testing.T) {
	_, s := staged(t, "right")
	if err := s.take([]byte(`{"type":"error","code":"unknown_topic","message":"no such event"}`)); err == nil || !strings.Contains(err.Error(), "unknown_topic") {
		t.Errorf("the error is %v", err)
	}
	if err := s.take([]byte(`{"type":`)); err == nil {
		t.Error("an incomplete frame is no error")
	}
}
