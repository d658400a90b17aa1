package db

import (
	"testing"
	"time"

	"pitwall/shard"
)

func TestLiveTime(t *testing.T) {
	const now = 100 * hour
	rule := LiveRule{Tolerance: 5 * time.Second}
	late := LiveRule{Tolerance: 5 * time.Second, Difference: 20 * time.Second} // the server is 20 s late
	fell := []shard.Clock{{Since: 10 * hour, Offset: -hour}}
	over := append(fell, shard.Clock{Since: 20 * hour})
	for _, tt := range []struct {
		name        string
		rule        LiveRule
		ts, arrival int64 // arrival 0: not known
		clocks      []shard.Clock
		want        int64 // 0: not shown
		made        bool
	}{
		{"right", rule, 11*hour - 1, 11 * hour, nil, 11*hour - 1, false},
		{"ahead, within the tolerance", rule, 11*hour + 5*second, 11 * hour, nil, 11*hour + 5*second, false},
		{"ahead", rule, 11*hour + 5*second + 1, 11 * hour, nil, 11 * hour, true},
		{"late", rule, 5 * hour, 11 * hour, nil, 5 * hour, false},
		{"right, and the server is late", late, 11*hour + 20*second, 11 * hour, nil, 11*hour + 20*second, false},
		{"ahead, and the server is late", late, 11*hour + 26*second, 11 * hour, nil, 11*hour + 20*second, true},
		{"fallen", rule, 10 * hour, 11 * hour, fell, 11 * hour, true},
		{"fallen, within the tolerance", rule, 10*hour - 5*second, 11 * hour, fell, 11 * hour, true},
		{"fallen, and the server is late", late, 10*hour + 20*second, 11 * hour, fell, 11*hour + 20*second, true},
		{"late from a fallen clock", rule, 10*hour - minute, 11 * hour, fell, 11*hour - minute, false},
		{"right again", rule, 11*hour - second, 11 * hour, fell, 11*hour - second, false},
		{"right again, and known", rule, 20 * hour, 20 * hour, over, 20 * hour, false},
		{"late, after the end", rule, 19 * hour, 20 * hour, over, 19 * hour, false},
		{"before the fall", rule, 9 * hour, 9 * hour, fell, 9 * hour, false},
		{"between the wrong and the right time", rule, 11*hour - 30*minute, 11 * hour, fell, 11 * hour, true},
		{"a little late, of a clock that fell", rule, 11*hour - 5*minute, 11 * hour, fell, 11*hour - 5*minute, false},
		{"no time of its own, and the server is late", late, 11*hour + 2, 11 * hour, nil, 11*hour + 20*second, true},
		{"ahead, of a clock that fell", rule, 12 * hour, 11 * hour, fell, 11 * hour, true},
		{"no arrival", rule, now + 5*second, 0, nil, now + 5*second, false},
		{"no arrival, and in the future", rule, now + 5*second + 1, 0, nil, 0, false},
	} {
		m := rowTime{ts: tt.ts, received: &tt.arrival}
		if tt.arrival == 0 {
			m.received = nil
		}
		at := tt.rule.at(time.UnixMilli(now))
		got, ok := at.dateRow(m, tt.clocks)
		if ok != (tt.want != 0) || ok && (got.live != tt.want || got.byArrival != tt.made) {
			t.Errorf("%s: %+v, %v; want %d, %v", tt.name, got, ok, tt.want, tt.made)
		}
	}
}

// After a restart a device is shown as it was before.
func TestNewestOf(t *testing.T) {
	row := func(ts, arrival, live int64, made, current bool) datedRow {
		return datedRow{rowTime: rowTime{ts, &arrival}, live: live, byArrival: made, sentLive: current}
	}
	for _, tt := range []struct {
		name string
		rows []datedRow
		want int64 // the device time of the row to show
	}{
		{"under their own time", []datedRow{row(5, 9, 5, false, true), row(6, 8, 6, false, true)}, 6},
		{"ahead, after one at the bound of the tolerance", []datedRow{
			row(14_700, 10_000, 14_700, false, true), row(16_000, 10_500, 10_500, true, true), row(16_500, 11_000, 11_000, true, true),
		}, 16_500},
		{"ahead, then right, with a wrong difference", []datedRow{
			row(3_600_000, 10_000, 30_000, true, true), row(12_000, 12_000, 12_000, false, true),
		}, 12_000},
		{"right, then ahead", []datedRow{
			row(12_000, 12_000, 12_000, false, true), row(3_600_000, 13_000, 13_000, true, true),
		}, 3_600_000},
		{"ahead, then buffered rows", []datedRow{
			row(3_600_000, 100_000, 100_000, true, true), row(50_000, 101_000, 50_000, false, false),
		}, 3_600_000},
		{"an upload of a clock ahead, newest first", []datedRow{
			row(3_603_000, 100_000, 100_000, true, true), row(3_602_000, 100_400, 100_400, true, true),
		}, 3_603_000},
	} {
		if got, ok := newestOf(tt.rows); !ok || got.ts != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got.ts, tt.want)
		}
	}
	if _, ok := newestOf(nil); ok {
		t.Error("newestOf returns a row of an empty list")
	}
}
