package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"pitwall/codec"
)

// change returns p after fn.
func change(p codec.Position, fn func(*codec.Position)) codec.Position {
	fn(&p)
	return p
}

// devices returns the devices in the table.
func devices(t testing.TB, d Database) []string {
	t.Helper()
	const query = "SELECT DISTINCT device_id FROM positions ORDER BY device_id"
	var names []string
	var err error
	switch d := d.(type) {
	case *postgres:
		var rows pgx.Rows
		if rows, err = d.pool.Query(context.Background(), query); err == nil {
			names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
	case *sqlite:
		names, err = collectSQLite(context.Background(), d.read, "test", scanText, query)
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// lastGood returns the last good positions by device.
func lastGood(t *testing.T, d Database, tolerance time.Duration) map[string]codec.Position {
	t.Helper()
	got := map[string]codec.Position{}
	seen := map[string]bool{}
	err := d.LastPositions(t.Context(), append(devices(t, d), "nosuch"), LiveRule{Tolerance: tolerance}, func(l *Last) error {
		if seen[l.Device] {
			t.Errorf("device %s was returned twice", l.Device)
		}
		seen[l.Device] = true
		if l.Good != nil {
			got[l.Good.DeviceID] = *l.Good
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func insert(t *testing.T, d Database, batch ...codec.Position) InsertResult {
	t.Helper()
	before := slices.Clone(batch)
	r, err := d.InsertPositions(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, batch); diff != "" {
		t.Errorf("the batch was changed (-before +after):\n%s", diff)
	}
	return r
}

func TestPositionsAreReadBackUnchanged(t *testing.T) {
	conformPositions(t, func(t *testing.T, d Database) {
		want := map[string]codec.Position{}
		var batch []codec.Position
		add := func(p codec.Position) {
			batch = append(batch, p)
			want[p.DeviceID] = p
		}
		add(full("full", epoch))
		add(bare("bare", epoch+1))
		add(change(full("zeros", epoch-7), func(p *codec.Position) {
			p.Alt, p.Speed, p.Course, p.Sats, p.Priority, p.Attributes = 0, 0, 0, 0, 0, "{}"
		}))
		add(change(bare("extremes", 946684800000), func(p *codec.Position) {
			p.Lat, p.Lon, p.Alt, p.Has = -90, 180, -1.7976931348623157e308, codec.HasAlt|codec.HasSats
			p.Sats = 1<<31 - 1
		}))
		add(change(bare(`odd "id", {1} \ '`, epoch), func(p *codec.Position) { p.Codec = "NULL" }))
		add(change(full("long", epoch), func(p *codec.Position) {
			p.Attributes = codec.Attributes(`{"x":"` + strings.Repeat("ü{,}'\\\\", 2000) + `"}`)
		}))
		if diff := cmp.Diff(InsertResult{Inserted: len(batch)}, insert(t, d, batch...)); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, lastGood(t, d, time.Hour)); diff != "" {
			t.Errorf("positions (-want +got):\n%s", diff)
		}
	})
}

func TestInsertReportsTheOutcomeOfEachPosition(t *testing.T) {
	a := full("a", epoch)
	later := full("a", epoch+1000)
	tests := []struct {
		name   string
		first  []codec.Position
		second []codec.Position
		want   InsertResult
	}{
		{"nothing", nil, nil, InsertResult{}},
		{"a repeat", []codec.Position{a, later}, []codec.Position{a, later}, InsertResult{Duplicates: 2}},
		{"a repeat that arrived later", []codec.Position{a},
			[]codec.Position{change(a, func(p *codec.Position) { p.Arrival += 5000 })}, InsertResult{Duplicates: 1}},
		{"new among old", []codec.Position{a}, []codec.Position{later, a, full("b", epoch)}, InsertResult{Inserted: 2, Duplicates: 1}},
		{"other content", []codec.Position{a, full("b", epoch)},
			[]codec.Position{later, change(full("b", epoch), func(p *codec.Position) { p.Lat++ }), a, change(a, func(p *codec.Position) { p.Speed++ })},
			InsertResult{Inserted: 1, Duplicates: 1, Conflicts: []int{1, 3}}},
		{"a repeat with a faulty mark, and one without it", []codec.Position{a, change(full("b", epoch), func(p *codec.Position) { p.Faulty = true })},
			[]codec.Position{change(a, func(p *codec.Position) { p.Faulty = true }), full("b", epoch)}, InsertResult{Duplicates: 2}},
		{"twice in a batch", nil, []codec.Position{a, a}, InsertResult{Inserted: 1, Duplicates: 1}},
		{"the first in a batch stays", nil,
			[]codec.Position{full("z", epoch), a, change(a, func(p *codec.Position) { p.Lon-- }), a},
			InsertResult{Inserted: 2, Duplicates: 1, Conflicts: []int{2}}},
		{"the stored row wins over the first in a batch", []codec.Position{a},
			[]codec.Position{change(a, func(p *codec.Position) { p.Lon-- }), a}, InsertResult{Duplicates: 1, Conflicts: []int{0}}},
	}
	conformPositions(t, func(t *testing.T, d Database) {
		for i, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				own := func(list []codec.Position) []codec.Position {
					out := slices.Clone(list)
					for k := range out {
						out[k].DeviceID = fmt.Sprint(i, out[k].DeviceID)
					}
					return out
				}
				insert(t, d, own(tt.first)...)
				if diff := cmp.Diff(tt.want, insert(t, d, own(tt.second)...)); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// contentChanges each change one part of the content of a full position.
var contentChanges = map[string]func(*codec.Position){
	"lat":        func(p *codec.Position) { p.Lat += 1e-9 },
	"lon":        func(p *codec.Position) { p.Lon += 1e-9 },
	"alt":        func(p *codec.Position) { p.Alt += 1e-9 },
	"speed":      func(p *codec.Position) { p.Speed++ },
	"course":     func(p *codec.Position) { p.Course++ },
	"sats":       func(p *codec.Position) { p.Sats++ },
	"priority":   func(p *codec.Position) { p.Priority++ },
	"codec":      func(p *codec.Position) { p.Codec = "8" },
	"attributes": func(p *codec.Position) { p.Attributes = `{"b":1}` },
	"spelling":   func(p *codec.Position) { p.Attributes += " " },
	"no alt":     func(p *codec.Position) { p.Has &^= codec.HasAlt },
	"no sats":    func(p *codec.Position) { p.Has &^= codec.HasSats },
	"no codec":   func(p *codec.Position) { p.Codec = "" },
	"no attrs":   func(p *codec.Position) { p.Attributes = "" },
}

func TestEveryFieldMakesAConflict(t *testing.T) {
	conformPositions(t, func(t *testing.T, d Database) {
		insert(t, d, full("a", epoch))
		for name, fn := range contentChanges {
			if diff := cmp.Diff(InsertResult{Conflicts: []int{0}}, insert(t, d, change(full("a", epoch), fn))); diff != "" {
				t.Errorf("%s: result (-want +got):\n%s", name, diff)
			}
		}
		if diff := cmp.Diff(map[string]codec.Position{"a": full("a", epoch)}, lastGood(t, d, time.Hour)); diff != "" {
			t.Errorf("the stored row has changed (-want +got):\n%s", diff)
		}
	})
}

// Several writers with overlapping batches in different orders: none deadlocks, and
// each key is inserted once.
func TestConcurrentInserts(t *testing.T) {
	const writers, keys, rounds = 4, 300, 5
	conformPositions(t, func(t *testing.T, d Database) {
		var wg sync.WaitGroup
		inserted := make([]int, writers)
		for w := range writers {
			wg.Go(func() {
				for round := range rounds {
					var batch []codec.Position
					for k := range keys {
						batch = append(batch, bare(fmt.Sprint("d", (k*(2*w+1))%keys), epoch+int64(round)))
					}
					r, err := d.InsertPositions(t.Context(), batch)
					if err != nil || len(r.Conflicts) > 0 {
						t.Errorf("writer %d: %v, %v", w, r, err)
						return
					}
					inserted[w] += r.Inserted
				}
			})
		}
		wg.Wait()
		total := 0
		for _, n := range inserted {
			total += n
		}
		if total != keys*rounds {
			t.Errorf("%d inserted in all, want %d", total, keys*rounds)
		}
	})
}

func TestInsertHonoursItsContext(t *testing.T) {
	conformPositions(t, func(t *testing.T, d Database) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.InsertPositions(ctx, []codec.Position{bare("a", epoch)}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want canceled", err)
		}
		if got := lastGood(t, d, time.Hour); len(got) != 0 {
			t.Errorf("rows were written despite the error: %v", got)
		}
	})
}
