package db

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"pitwall/shard"
)

const week = int64(7 * 24 * 3600 * 1000)

// clockTable returns all of pitwall_clocks, in the order of its key.
func clockTable(t *testing.T, d Database) (list []shard.Clock) {
	t.Helper()
	scan := func(rows rowSource) {
		for rows.Next() {
			var c shard.Clock
			if err := rows.Scan(&c.Device, &c.Since, &c.Offset); err != nil {
				t.Fatal(err)
			}
			list = append(list, c)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	switch d := d.(type) {
	case *postgres:
		rows, err := d.pool.Query(t.Context(), `SELECT device_id, (extract(epoch FROM since_arrival) * 1000)::bigint, offset_ms
			FROM pitwall_clocks`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		scan(rows)
	case *sqlite:
		rows, err := d.read.QueryContext(t.Context(), "SELECT device_id, since_arrival, offset_ms FROM pitwall_clocks")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		scan(rows)
	}
	slices.SortFunc(list, byDeviceAndArrival)
	return list
}

func byDeviceAndArrival(a, b shard.Clock) int {
	return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Since, b.Since))
}

func TestClocksAreKeptOnce(t *testing.T) {
	fell := -1024 * week
	of := func(since, offset int64) shard.Clock { return shard.Clock{Since: epoch + since, Offset: offset} }
	type calls [][]shard.Clock
	tests := []struct {
		name  string
		calls calls
		want  []shard.Clock // rows
		force int64         // the offset in force, 0 for none
	}{
		{"the end of nothing", calls{{of(0, 0)}}, nil, 0},
		{"a fall", calls{{of(0, fell)}}, []shard.Clock{of(0, fell)}, fell},
		{"the same again", calls{{of(0, fell)}, {of(0, fell)}}, []shard.Clock{of(0, fell)}, fell},
		{"found later by another instance", calls{{of(0, fell)}, {of(9000, fell+5000)}}, []shard.Clock{of(0, fell)}, fell},
		{"found earlier by another instance", calls{{of(9000, fell)}, {of(0, fell)}}, []shard.Clock{of(0, fell), of(9000, fell)}, fell},
		{"another offset", calls{{of(0, fell)}, {of(9000, fell+5001)}}, []shard.Clock{of(0, fell), of(9000, fell+5001)}, fell + 5001},
		{"another offset at the same arrival", calls{{of(0, fell)}, {of(0, fell/2)}}, []shard.Clock{of(0, fell)}, fell},
		{"an end, saved twice", calls{{of(0, fell)}, {of(1, 0)}, {of(2, 0)}}, []shard.Clock{of(0, fell), of(1, 0)}, 0},
		{"the end of an offset near 0", calls{{of(0, -4000)}, {of(1, 0)}}, []shard.Clock{of(0, -4000), of(1, 0)}, 0},
		{"saved late, after the end", calls{{of(0, fell)}, {of(10, 0)}, {of(5, fell)}}, []shard.Clock{of(0, fell), of(10, 0)}, 0},
		{"a second fall", calls{{of(0, fell)}, {of(10, 0)}, {of(20, fell)}}, []shard.Clock{of(0, fell), of(10, 0), of(20, fell)}, fell},
		{"all in one call, unsorted", calls{{of(20, fell), of(10, 0), of(15, 0), of(0, fell)}},
			[]shard.Clock{of(0, fell), of(10, 0), of(20, fell)}, fell},
	}
	conform(t, func(t *testing.T, d Database) {
		var want, force []shard.Clock
		var names []string
		for i, tt := range tests {
			device := fmt.Sprintf("%02d %s", i, tt.name)
			names = append(names, device)
			for _, list := range tt.calls {
				list = slices.Clone(list)
				for k := range list {
					list[k].Device = device
				}
				given := slices.Clone(list)
				if err := d.SaveClocks(t.Context(), list); err != nil {
					t.Fatalf("%s: %v", device, err)
				}
				if !slices.Equal(given, list) {
					t.Errorf("%s: the list was changed", device)
				}
			}
			for _, c := range tt.want {
				c.Device = device
				want = append(want, c)
			}
			if tt.force != 0 {
				last := tt.want[len(tt.want)-1]
				force = append(force, shard.Clock{Device: device, Since: last.Since, Offset: tt.force})
			}
		}
		if diff := gocmp.Diff(want, clockTable(t, d)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		got, err := d.Clocks(t.Context(), append(names, "nosuch"))
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, byDeviceAndArrival)
		if diff := gocmp.Diff(force, got); diff != "" {
			t.Errorf("in force (-want +got):\n%s", diff)
		}
		if got, err := d.Clocks(t.Context(), nil); err != nil || len(got) != 0 {
			t.Errorf("of no device: %v, %v", got, err)
		}
		if err := d.SaveClocks(t.Context(), nil); err != nil {
			t.Errorf("save nothing: %v", err)
		}
	})
}

// Instances that save the same clocks at the same time all succeed.
func TestClocksOfSeveralInstances(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				var list []shard.Clock
				for k := range 100 {
					list = append(list, shard.Clock{Device: fmt.Sprint("d", (k*(2*i+1))%100), Since: epoch, Offset: -week})
				}
				if err := d.SaveClocks(t.Context(), list); err != nil {
					t.Errorf("instance %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if got := len(clockTable(t, d)); got != 100 {
			t.Errorf("%d rows, want 100", got)
		}
	})
}
