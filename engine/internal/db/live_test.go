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
		ts, arrival int64 // arrival 0: nobody knows
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
		{"between fallen and right", rule, 11*hour - 30*minute, 11 * hour, fell, 11*hour - 30*minute, false},
		{"ahead, of a clock that fell", rule, 12 * hour, 11 * hour, fell, 11 * hour, true},
		{"no arrival", rule, now + 5*second, 0, nil, now + 5*second, false},
		{"no arrival, and still to come", rule, now + 5*second + 1, 0, nil, 0, false},
	} {
		m := mark{ts: tt.ts, received: &tt.arrival}
		if tt.arrival == 0 {
			m.received = nil
		}
		j := tt.rule.at(time.UnixMilli(now))
		got, made, ok := j.live(m, tt.clocks)
		if ok != (tt.want != 0) || ok && (got != tt.want || made != tt.made) {
			t.Errorf("%s: %d, %v, %v; want %d, %v", tt.name, got, made, ok, tt.want, tt.made)
		}
	}
}
