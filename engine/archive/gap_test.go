package archive

import (
	"testing"

	"pitwall/engine/internal/redis"
)

// at returns the state of a stream whose ids count from 1: entries 1 to last were
// added, those before first were removed, and those up to delivered were delivered to
// the group. read is the entries-read that the server reports.
func at(first, last, delivered, read int64) redis.StreamState {
	return redis.StreamState{
		Length: last - first + 1, First: redis.ID{Ms: uint64(first)}, Last: redis.ID{Ms: uint64(last)},
		Added: last, Group: true, Delivered: redis.ID{Ms: uint64(delivered)}, Read: read,
	}
}

func TestGap(t *testing.T) {
	const no = redis.Unknown
	unknown := func(s redis.StreamState) redis.StreamState {
		s.Added, s.Read = no, no
		return s
	}
	for _, tt := range []struct {
		name   string
		states []redis.StreamState
		want   []loss
	}{
		{"keeps up", []redis.StreamState{at(1, 10, 10, 10), at(5, 20, 12, 12)}, []loss{{}, {}}},
		{"everything delivered was removed", []redis.StreamState{at(1, 10, 10, 10), at(11, 20, 10, 10)}, []loss{{}, {}}},
		{"a gap, and a larger one", []redis.StreamState{at(1, 10, 10, 10), at(15, 30, 10, 10), at(15, 31, 10, 10), at(22, 40, 10, 10)},
			[]loss{{}, {least: 4, most: 4}, {}, {least: 7, most: 7}}},
		{"a group without deliveries", []redis.StreamState{at(15, 30, 0, no)}, []loss{{}}},
		{"a server that does not count gaps", []redis.StreamState{
			at(1, 10, 10, 10), at(15, 30, 10, 10), // 11-14 are lost
			at(15, 30, 30, 26), // caught up; the count is 4 too low
			at(41, 60, 30, 26), // 31-40
		}, []loss{{}, {least: 4, most: 4}, {}, {least: 10, most: 10}}},
		{"after a gap, before all was delivered", []redis.StreamState{
			at(1, 10, 10, 10), at(15, 30, 10, 10), at(15, 40, 20, 16), at(31, 50, 20, 16), // 11-14, 21-30
			at(31, 60, 55, 41), at(61, 80, 55, 41), // 56-60
			at(61, 80, 80, 61), at(61, 80, 80, 61), at(85, 90, 80, 61), // 81-84
		}, []loss{{}, {least: 4, most: 4}, {}, {least: 10, most: 14}, {}, {least: 5, most: 19}, {}, {}, {least: 4, most: 4}}},
		{"never trimmed at first, never caught up", []redis.StreamState{
			at(1, 10, 8, 8), at(15, 30, 10, 10), at(31, 50, 20, 16), // 11-14, 21-30
			at(31, 50, 50, 36),
		}, []loss{{}, {least: 4, most: 4}, {least: 10, most: 14}, {}}},
		{"gaps that no update saw", []redis.StreamState{at(1, 10, 10, 10), at(60, 80, 70, 33), at(60, 80, 80, 43), at(60, 81, 81, 44)},
			[]loss{{}, {}, {least: 37, most: 37}, {}}},
		{"a server that counts gaps, before all was delivered", []redis.StreamState{
			at(1, 10, 10, 10), at(15, 30, 10, 10), at(15, 40, 20, 20), at(31, 50, 20, 20), // 11-14, 21-30
			at(31, 50, 50, 50),
		}, []loss{{}, {least: 4, most: 4}, {}, {least: 6, most: 10}, {}}},
		{"a gap at the first update", []redis.StreamState{at(15, 30, 10, 10)}, []loss{{most: 4}}},
		{"a server that does not count", []redis.StreamState{
			unknown(at(1, 20, 10, no)), unknown(at(15, 30, 10, no)), unknown(at(35, 40, 10, no)), unknown(at(36, 41, 10, no)),
		}, []loss{{}, {}, {least: 1, most: 1, open: true}, {}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var g gap
			for i, s := range tt.states {
				if got := g.update(s); got != tt.want[i] {
					t.Errorf("update %d with %+v: lost %+v, want %+v", i, s, got, tt.want[i])
				}
			}
		})
	}
}

func TestGapOfAnEmptiedStream(t *testing.T) {
	var g gap
	g.update(at(1, 10, 10, 10))
	emptied := at(1, 25, 10, 10)
	emptied.Length, emptied.First = 0, redis.ID{}
	if got, want := g.update(emptied), (loss{least: 15, most: 15}); got != want {
		t.Errorf("lost %+v, want %+v", got, want)
	}
}

func TestLagAndTrimmingNear(t *testing.T) {
	pending := at(1, 10000, 9000, 9000)
	pending.Pending = redis.Pending{Count: 1, Oldest: redis.ID{Ms: 100}}
	trimmed := at(5000, 20000, 8000, 8000)
	for _, tt := range []struct {
		name string
		s    redis.StreamState
		lag  int64
		near bool
	}{
		{"an empty state", redis.StreamState{}, 0, false},
		{"all delivered", at(1, 10000, 10000, 10000), 0, false},
		{"nothing delivered", at(100, 10000, 0, 0), 9900, true},
		{"not trimmed, a large lag", at(1, 10000, 10, 10), 9990, false},
		{"the oldest pending counts", pending, 9900, false},
		{"trimmed, most of what is kept is not archived", trimmed, 12000, true},
		{"trimmed, most of what is kept is archived", at(5000, 20000, 17000, 17000), 3000, false},
		{"trimmed, a lag below the minimum", at(19000, 20000, 19001, 19001), 999, false},
	} {
		if got := lagOf(tt.s); got != tt.lag {
			t.Errorf("%s: lag %d ms, want %d", tt.name, got, tt.lag)
		}
		if got := trimmingNear(tt.s); got != tt.near {
			t.Errorf("%s: near %v, want %v", tt.name, got, tt.near)
		}
	}
}
