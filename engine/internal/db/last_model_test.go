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

// knownFrom is what is known of a device by all of its rows.
func knownFrom(rule LiveRule, rows []codec.Position, clocks []shard.Clock) (k known) {
	type lit struct {
		codec.Position
		live int64
		made bool
	}
	j := rule.at(time.Now())
	var all []lit
	for _, p := range rows {
		if live, made, ok := j.live(mark{p.TS, &p.Arrival}, clocks); ok {
			all = append(all, lit{p, live, made})
		}
	}
	slices.SortFunc(all, func(a, b lit) int { return cmp.Or(cmp.Compare(b.live, a.live), cmp.Compare(b.TS, a.TS)) })
	at := slices.IndexFunc(all, func(p lit) bool { return !p.Faulty })
	good := lit{}
	if at >= 0 {
		good = all[at]
		newest := good
		for _, p := range all {
			if !p.Faulty && newest.made && p.made && p.live >= newest.live-madeUpSlack && p.TS > good.TS {
				good = p
			}
		}
		k.Good = good.TS - epoch
	}
	for _, p := range all {
		if p.Faulty && (at < 0 || p.live > good.live || p.live == good.live && p.TS > good.TS) {
			k.Faulty = append(k.Faulty, p.TS-epoch)
		}
	}
	return k
}

// TestLastPositionsOfAnyClock compares with the rule applied to every row, for
// devices whose clock is set at random.
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
				p := came(device, arrival+offset+rng.Int64N(3)*rule.Difference.Milliseconds()/2, arrival)
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
