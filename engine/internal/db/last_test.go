package db

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
	"pitwall/shard"
)

// Times of these tests, in ms.
const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
)

// known is the result of LastPositions for a device: the time of Good, 0 for none, and
// the times of Faulty.
type known struct {
	Good   int64
	Faulty []int64
}

// knownOf calls LastPositions, with times relative to epoch.
func knownOf(t *testing.T, d Database, rule LiveRule) map[string]known {
	t.Helper()
	got := map[string]known{}
	err := d.LastPositions(t.Context(), append(devices(t, d), "nosuch"), rule, func(l *Last) error {
		var k known
		if l.Good != nil {
			k.Good = l.Good.TS - epoch
		}
		for _, s := range l.Faulty {
			k.Faulty = append(k.Faulty, s.TS-epoch)
		}
		if _, ok := got[l.Device]; ok {
			t.Errorf("device %s was returned twice", l.Device)
		}
		got[l.Device] = k
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// positionAt returns a minimal position with a time and an arrival relative to epoch.
func positionAt(device string, ts, arrival int64) codec.Position {
	return change(bare(device, epoch+ts), func(p *codec.Position) { p.Arrival = epoch + arrival })
}

func asFaulty(p codec.Position) codec.Position {
	p.Faulty = true
	return p
}

// everySecond makes n positions one second apart, the first at from, of a clock that is off
// by offset.
func everySecond(device string, from, n, offset int64) (list []codec.Position) {
	for i := range n {
		list = append(list, positionAt(device, from+i*second+offset, from+i*second))
	}
	return list
}

// makeMonthsIfAny makes partitions if the table is partitioned.
func makeMonthsIfAny(t *testing.T, d Database, names ...string) {
	t.Helper()
	var at []time.Time
	for _, m := range names {
		at = append(at, instantOf(t, m))
	}
	if _, err := d.MakePartitions(t.Context(), at); err != nil && !errors.Is(err, ErrNotPartitioned) {
		t.Fatal(err)
	}
}

func TestLastPositions(t *testing.T) {
	tests := []struct {
		name   string
		rows   []codec.Position
		clocks []shard.Clock // Since relative to epoch
		want   known
	}{
		{"the newest", []codec.Position{positionAt("", 1, 1), positionAt("", 3, 3), positionAt("", 2, 2)}, nil, known{Good: 3}},
		{"faulty rows after a good one", []codec.Position{positionAt("", 1, 1), asFaulty(positionAt("", 2, 2)), asFaulty(positionAt("", 3, 3))}, nil,
			known{Good: 1, Faulty: []int64{3, 2}}},
		{"faulty rows before a good one", []codec.Position{asFaulty(positionAt("", 1, 1)), positionAt("", 2, 2)}, nil, known{Good: 2}},
		{"nothing but faulty rows", []codec.Position{asFaulty(positionAt("", 1, 1)), asFaulty(positionAt("", 2, 2))}, nil, known{Faulty: []int64{2, 1}}},
		{"as far ahead as allowed", []codec.Position{positionAt("", 0, 0), positionAt("", 5*second, 0)}, nil, known{Good: 5 * second}},
		{"as far ahead as allowed, then more", []codec.Position{positionAt("", 5*second, 0), positionAt("", 9*second, 4*second-1)}, nil, known{Good: 9 * second}},
		{"always ahead", everySecond("", 1, 10, hour), nil, known{Good: 1 + 9*second + hour}},
		{"always ahead, for longer than a page", everySecond("", 1, 700, hour), nil, known{Good: 1 + 699*second + hour}},
		{"ahead, then right", append(everySecond("", 0, 60, hour), everySecond("", 60*second, 5, 0)...), nil, known{Good: 64 * second}},
		{"ahead for longer than a page, then right", append(everySecond("", 0, 300, 23*hour), everySecond("", 300*second, 5, 0)...), nil,
			known{Good: 304 * second}},
		{"right, then ahead", append(everySecond("", 0, 5, 0), everySecond("", 5*second, 60, hour)...), nil, known{Good: 64*second + hour}},
		{"ahead by less than its silence", append(everySecond("", 0, 60, 20*second), positionAt("", 70*second+1, 70*second)), nil, known{Good: 70*second + 1}},
		{"a batch of a clock ahead, the newest first", []codec.Position{positionAt("", hour+3, 1), positionAt("", hour+2, 1), positionAt("", hour+1, 2)}, nil, known{Good: hour + 3}},
		{"a faulty row of a clock ahead, then a good one", []codec.Position{asFaulty(positionAt("", hour, 1)), positionAt("", 2, 2)}, nil, known{Good: 2}},
		{"a good row, then a faulty one of a clock ahead", []codec.Position{asFaulty(positionAt("", hour, 2)), positionAt("", 1, 1)}, nil,
			known{Good: 1, Faulty: []int64{hour}}},
		{"a buffered upload", append(everySecond("", 10*minute, 5, 0), everySecond("", 10*minute+5*second, 5, -9*minute)...), nil, known{Good: 10*minute + 4*second}},
		{"a clock that fell", append(everySecond("", 0, 5, 0), everySecond("", 5*second, 60, -hour)...), []shard.Clock{{Since: 5 * second, Offset: -hour}},
			known{Good: 64*second - hour}},
		{"a clock that fell by 1024 weeks", append(everySecond("", 0, 5, 0), everySecond("", 5*second, 60, -1024*week)...), []shard.Clock{{Since: 5 * second, Offset: -1024 * week}},
			known{Good: 64*second - 1024*week}},
		{"an unknown fall", append(everySecond("", 0, 5, 0), everySecond("", 5*second, 60, -hour)...), nil, known{Good: 4 * second}},
		{"late data of a clock that fell", append(everySecond("", 5*second, 60, -hour), positionAt("", 7*second-hour-minute, 66*second)),
			[]shard.Clock{{Since: 5 * second, Offset: -hour}}, known{Good: 64*second - hour}},
		{"a clock that fell and recovered", append(append(everySecond("", 0, 5, 0), everySecond("", 5*second, 60, -hour)...), everySecond("", 65*second, 3, 0)...),
			[]shard.Clock{{Since: 5 * second, Offset: -hour}, {Since: 65 * second}}, known{Good: 67 * second}},
		{"recovered, the end is not saved yet", append(everySecond("", 5*second, 60, -hour), everySecond("", 65*second, 3, 0)...),
			[]shard.Clock{{Since: 5 * second, Offset: -hour}}, known{Good: 67 * second}},
		{"fell, and the last row before the end", append(everySecond("", 0, 5, 0), everySecond("", 5*second, 60, -hour)...),
			[]shard.Clock{{Since: 5 * second, Offset: -hour}, {Since: 65 * second}}, known{Good: 64*second - hour}},
		{"fell twice", append(everySecond("", 0, 60, -hour), everySecond("", minute, 60, -2*hour)...),
			[]shard.Clock{{Offset: -hour}, {Since: minute, Offset: -2 * hour}}, known{Good: 119*second - 2*hour}},
		{"faulty rows of a clock that fell, older by their own time",
			append(everySecond("", 0, 5, 0), positionAt("", 5*second-hour, 5*second), asFaulty(positionAt("", 6*second-hour, 6*second)), asFaulty(positionAt("", 7*second-hour, 7*second))),
			[]shard.Clock{{Since: 5 * second, Offset: -hour}}, known{Good: 5*second - hour, Faulty: []int64{7*second - hour, 6*second - hour}}},
		{"faulty rows before and after a fall",
			append(everySecond("", 0, 2, 0), asFaulty(positionAt("", 3*second, 3*second)), asFaulty(positionAt("", 5*second-hour, 5*second))),
			[]shard.Clock{{Since: 5 * second, Offset: -hour}}, known{Good: second, Faulty: []int64{5*second - hour, 3 * second}}},
	}
	conformPositions(t, func(t *testing.T, d Database) {
		makeMonthsIfAny(t, d, "2005-10")
		if got := knownOf(t, d, LiveRule{Tolerance: 5 * time.Second}); len(got) != 0 {
			t.Errorf("an empty table gives %v", got)
		}
		want := map[string]known{}
		for i, tt := range tests {
			name := fmt.Sprintf("%02d %s", i, tt.name)
			want[name] = tt.want
			for k := range tt.rows {
				tt.rows[k].DeviceID = name
			}
			if r := insert(t, d, tt.rows...); r.Inserted != len(tt.rows) {
				t.Fatalf("%s: %+v", name, r)
			}
			var clocks []shard.Clock
			for _, c := range tt.clocks {
				clocks = append(clocks, shard.Clock{Device: name, Since: epoch + c.Since, Offset: c.Offset})
			}
			if err := d.SaveClocks(t.Context(), clocks); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, knownOf(t, d, LiveRule{Tolerance: 5 * time.Second})); diff != "" {
			t.Errorf("known (-want +got):\n%s", diff)
		}
	})
}

// The clock of the Redis server is late. A position that arrived when it was measured
// counts neither as ahead nor as from a clock that fell back.
func TestLastPositionsWithALateRedisClock(t *testing.T) {
	rule := LiveRule{Tolerance: 5 * time.Second, Difference: time.Minute} // the clock of the server is a minute late
	conform(t, func(t *testing.T, d Database) {
		insert(t, d, everySecond("right", 0, 10, minute)...)
		insert(t, d, append(everySecond("ahead", 0, 10, minute+hour), positionAt("ahead", 90*second, 30*second))...)
		insert(t, d, append(everySecond("fell", 0, 10, -hour), positionAt("fell", 65*second, 4*second))...)
		if err := d.SaveClocks(t.Context(), []shard.Clock{{Device: "fell", Since: epoch + 5*second, Offset: -hour - minute}}); err != nil {
			t.Fatal(err)
		}
		want := map[string]known{"right": {Good: 69 * second}, "ahead": {Good: 90 * second}, "fell": {Good: 9*second - hour}}
		if diff := cmp.Diff(want, knownOf(t, d, rule)); diff != "" {
			t.Errorf("known (-want +got):\n%s", diff)
		}
	})
}

func TestFaultyRowsAreBounded(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		var batch []codec.Position
		for i := range int64(1500) {
			batch = append(batch, asFaulty(positionAt("a", i*second, i*second)))
		}
		insert(t, d, append(batch, positionAt("a", -second, -second))...)
		var want []int64
		for i := range int64(shard.MaxFaulty) {
			want = append(want, (1499-i)*second)
		}
		if diff := cmp.Diff(map[string]known{"a": {Good: -second, Faulty: want}}, knownOf(t, d, LiveRule{Tolerance: time.Second})); diff != "" {
			t.Errorf("known (-want +got):\n%s", diff)
		}
	})
}

// The table may hold values that the decoder refuses. A row with a bad required value is
// not shown. A bad optional value is left out of its row.
func TestInvalidRowsAreNotShown(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		_, embedded := d.(*sqlite)
		at := func(ms int64) string {
			if embedded {
				return fmt.Sprint(epoch + ms)
			}
			return fmt.Sprintf("to_timestamp(%d / 1000.0)", epoch+ms)
		}
		arrived := func(device string, ms, arrival int64, lat, lon, rest string) {
			exec(t, d, fmt.Sprintf("INSERT INTO positions (device_id, ts, received_at, faulty, lat, lon, alt, speed, course, sats, priority, codec, attributes) "+
				"VALUES ('%s', %s, %s, false, %s, %s, %s)", device, at(ms), at(arrival), lat, lon, rest))
		}
		row := func(device string, ms int64, lat, lon, rest string) { arrived(device, ms, ms, lat, lon, rest) }
		const plain = "1, 2, 3, 4, 5, '8E', NULL"
		nan, infinite, list := "'NaN'", "'Infinity'", `'[1]'`
		if embedded { // which stores no NaN
			nan, infinite = "91", "9e999"
		}
		for _, device := range []string{"lat", "lon", "infinite", "range", "ahead", "not only ahead", "no ASCII: ä", strings.Repeat("long", 17)} {
			row(device, 0, "46", "7", plain)
		}
		row("lat", 1, nan, "7", plain)
		row("lon", 1, "46", nan, plain)
		if embedded {
			exec(t, d, "UPDATE positions SET lon = 181 WHERE device_id = 'lon' AND lon = 91")
		}
		row("infinite", 1, "46", strings.Replace(infinite, "'I", "'-I", 1), plain)
		row("range", 1, "90.1", "7", plain)
		row("range", 2, "46", "-180.1", plain)
		row("only bad", 1, "91", "7", plain)
		arrived("ahead", 24*hour+2, 1, "46", "7", plain)
		arrived("only ahead", 24*hour+2, 1, "46", "7", plain)
		arrived("not only ahead", 24*hour+1, 1, "46", "7", plain) // as far as allowed
		arrived("not only ahead", 25*hour, 1, "46", "7", plain)
		row("optional", 0, "46", "7", fmt.Sprintf("%s, %[1]s, %[1]s, -1, -2, '%s', %s", infinite, strings.Repeat("x", 65), list))
		want := map[string]known{"lat": {}, "lon": {}, "infinite": {}, "range": {}, "optional": {}, "ahead": {}, "not only ahead": {Good: 24*hour + 1}}
		rule := LiveRule{Tolerance: time.Second}
		if diff := cmp.Diff(want, knownOf(t, d, rule)); diff != "" {
			t.Errorf("known (-want +got):\n%s", diff)
		}
		good := change(bare("optional", epoch), func(p *codec.Position) { p.Lat, p.Lon = 46, 7 })
		if diff := cmp.Diff(good, lastGood(t, d, time.Second)["optional"]); diff != "" {
			t.Errorf("position (-want +got):\n%s", diff)
		}
	})
}

// A row without an arrival is ordered by its own time, unless that is in the future.
func TestLastPositionsWithoutAnArrival(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		to := time.Now().Add(time.Hour).UnixMilli()
		insert(t, d, positionAt("a", 1, 1), positionAt("a", 2, 2), bare("a", to), asFaulty(bare("a", to+1)), bare("b", to))
		exec(t, d, "UPDATE positions SET received_at = NULL")
		if p, ok := d.(*postgres); ok {
			exec(t, p, `INSERT INTO positions (device_id, ts, lat, lon, received_at) VALUES ('a', 'infinity', 1, 2, 'infinity'), ('a', '-infinity', 1, 2, NULL)`)
			exec(t, p, `INSERT INTO positions (device_id, ts, lat, lon, received_at) SELECT 'c', to_timestamp(1748772000.003), 1, 2, 'infinity'`)
		} else {
			exec(t, d, fmt.Sprintf("INSERT INTO positions (device_id, ts, lat, lon) VALUES ('c', %d, 1, 2)", epoch+3))
		}
		want := map[string]known{"a": {Good: 2}, "c": {Good: 3}}
		if diff := cmp.Diff(want, knownOf(t, d, LiveRule{Tolerance: time.Second})); diff != "" {
			t.Errorf("known (-want +got):\n%s", diff)
		}
	})
}

func TestExtrasAreShown(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		ahead := func(attributes string) codec.Position {
			return change(positionAt("ahead", hour, 1), func(p *codec.Position) { p.Attributes = codec.Attributes(attributes) })
		}
		insert(t, d, withAttributes("a", epoch-1, ""), withAttributes("a", epoch-1, `{"old":1}`), withAttributes("a", epoch, `{"x":1}`), withAttributes("a", epoch, `{"alarm":"sos","x":2}`),
			withAttributes("a", epoch, `{"y":true}`), withAttributes("none", epoch, ""), withAttributes("none", epoch, `{"alarm":"sos"}`), ahead(""), ahead(`{"alarm":"low"}`))
		got := lastGood(t, d, time.Second)
		for device, want := range map[string][]string{
			"a":    {`{"x":1,"alarm":"sos","y":true}`, `{"x":1,"y":true,"alarm":"sos"}`},
			"none": {`{"alarm":"sos"}`}, "ahead": {`{"alarm":"low"}`},
		} {
			if !slices.Contains(want, string(got[device].Attributes)) {
				t.Errorf("%s has %s, want %s", device, got[device].Attributes, want)
			}
		}
	})
}

func TestLastPositionsReturnsTheErrorOfFn(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		insert(t, d, positionAt("a", 1, 1), positionAt("b", 1, 1))
		stop := errors.New("enough")
		calls := 0
		err := d.LastPositions(t.Context(), []string{"a", "b"}, LiveRule{}, func(*Last) error { calls++; return stop })
		if err != stop || calls != 1 {
			t.Errorf("error %v after %d calls, want that of fn after 1", err, calls)
		}
	})
}
