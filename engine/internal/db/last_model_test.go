package db

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"pitwall/codec"
	"pitwall/shard"
)

// knownFrom returns the expected result for a device, computed from all of its rows.
func knownFrom(rule LiveRule, rows []codec.Position, clocks []shard.Clock) (k known) {
	type modelRow struct {
		datedRow
		faulty bool
	}
	at := rule.at(time.Now())
	var all []modelRow
	for _, p := range rows {
		if d, ok := at.dateRow(rowTime{p.TS, &p.Arrival}, clocks); ok {
			all = append(all, modelRow{d, p.Faulty})
		}
	}
	slices.SortFunc(all, func(a, b modelRow) int { return cmp.Or(cmp.Compare(b.live, a.live), cmp.Compare(b.ts, a.ts)) })
	var own, made *modelRow
	var last int64 // the newest arrival of the rows that are shown under their arrival
	for i := range all {
		switch x := &all[i]; {
		case x.faulty:
		case !x.byArrival && own == nil:
			own = x
		case x.byArrival && made == nil:
			made, last = x, *x.received
		case x.byArrival && *x.received >= last-arrivalSlack && x.ts > made.ts:
			made = x
		}
	}
	good := own
	if own == nil || made != nil && !(own.sentLive && *own.received > *made.received || !own.sentLive && own.live > made.live) {
		good = made
	}
	if good != nil {
		k.Good = good.ts - epoch
	}
	for _, x := range all {
		if x.faulty && (good == nil || x.live > good.live || x.live == good.live && x.ts > good.ts || x.sentLive && *x.received >= *good.received && x.ts != good.ts) {
			k.Faulty = append(k.Faulty, x.ts-epoch)
		}
	}
	return k
}

// TestLastPositionsOfAnyClock compares LastPositions with the rule applied to every row,
// for devices with random clocks.
func TestLastPositionsOfAnyClock(t *testing.T) {
	seed := rand.Uint64()
	conform(t, func(t *testing.T, d Database) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rule := LiveRule{Tolerance: 5 * time.Second, Difference: time.Duration(rng.IntN(3)-1) * 20 * time.Second}
		want := map[string]known{}
		for i := range 100 {
			device := fmt.Sprint("d", i)
			var rows []codec.Position
			var clocks []shard.Clock
			offset := int64(0)
			times := map[int64]bool{}
			for arrival := int64(0); len(rows) < 60; arrival += rng.Int64N(2 * second) {
				if rng.IntN(15) == 0 {
					offset = []int64{0, 0, 6 * second, minute, hour, -hour, -2 * hour, -1024 * week}[rng.IntN(8)]
					clocks = append(clocks, shard.Clock{Device: device, Since: epoch + arrival, Offset: min(offset, 0)})
				}
				p := positionAt(device, arrival+offset+rng.Int64N(3)*rule.Difference.Milliseconds()/2, arrival)
				if rng.IntN(20) == 0 { // late
					p.TS -= rng.Int64N(minute)
				}
				p.Faulty = rng.IntN(3) == 0
				if !times[p.TS] {
					times[p.TS] = true
					rows = append(rows, p)
				}
			}
			if len(clocks) > clockRows {
				clocks = clocks[:clockRows]
			}
			insert(t, d, rows...)
			if err := d.SaveClocks(t.Context(), clocks); err != nil {
				t.Fatal(err)
			}
			want[device] = knownFrom(rule, rows, clocks)
		}
		if diff := gocmp.Diff(want, knownOf(t, d, rule)); diff != "" {
			t.Errorf("seed %d: known (-want +got):\n%s", seed, diff)
		}
	})
}
