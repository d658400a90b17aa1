package db

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
)

// extrasOf returns pitwall_extras as "device ts attributes", sorted.
func extrasOf(t *testing.T, d Database) (list []string) {
	t.Helper()
	scan := func(rows rowSource) {
		for rows.Next() {
			var device, attributes string
			var ts int64
			if err := rows.Scan(&device, &ts, &attributes); err != nil {
				t.Fatal(err)
			}
			list = append(list, fmt.Sprint(device, " ", ts-epoch, " ", attributes))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	switch d := d.(type) {
	case *postgres:
		rows, err := d.pool.Query(t.Context(), "SELECT device_id, (extract(epoch FROM ts) * 1000)::bigint, attributes::text FROM pitwall_extras")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		scan(rows)
	case *sqlite:
		rows, err := d.read.QueryContext(t.Context(), "SELECT device_id, ts, attributes FROM pitwall_extras")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		scan(rows)
	}
	slices.Sort(list)
	return list
}

// withAttributes is a minimal position with attributes.
func withAttributes(device string, ts int64, attributes string) codec.Position {
	return change(bare(device, ts), func(p *codec.Position) { p.Attributes = codec.Attributes(attributes) })
}

func TestAttributesOfEqualTimeAndPlace(t *testing.T) {
	row := withAttributes("a", epoch, `{"x":1,"y":"z"}`)
	sos := withAttributes("a", epoch, `{"alarm":"sos"}`)
	type batches [][]codec.Position
	tests := []struct {
		name   string
		in     batches
		want   InsertResult // of the last batch
		extras []string
	}{
		{"a name that the row does not have", batches{{row}, {sos}}, InsertResult{Extras: 1}, []string{`a 0 {"alarm":"sos"}`}},
		{"in one batch", batches{{row, sos}}, InsertResult{Inserted: 1, Extras: 1}, []string{`a 0 {"alarm":"sos"}`}},
		{"in one batch, in the other order", batches{{sos, row}}, InsertResult{Inserted: 1, Extras: 1}, []string{`a 0 {"x":1,"y":"z"}`}},
		{"again", batches{{row, sos}, {sos, row, sos}}, InsertResult{Duplicates: 3}, []string{`a 0 {"alarm":"sos"}`}},
		{"twice in a batch", batches{{row}, {sos, sos}}, InsertResult{Extras: 1, Duplicates: 1}, []string{`a 0 {"alarm":"sos"}`}},
		{"only new names, with their spelling", batches{{row}, {withAttributes("a", epoch, `{"x":1, "b":1.0, "y":2,"c":{"__bigint":"7"}}`)}},
			InsertResult{Extras: 1}, []string{`a 0 {"b":1.0,"c":{"__bigint":"7"}}`}},
		{"a row without attributes", batches{{bare("a", epoch)}, {sos}}, InsertResult{Extras: 1}, []string{`a 0 {"alarm":"sos"}`}},
		{"two that add the same name", batches{{row}, {sos, withAttributes("a", epoch, `{"alarm":"low"}`)}}, InsertResult{Extras: 2},
			[]string{`a 0 {"alarm":"low"}`, `a 0 {"alarm":"sos"}`}},
		{"other values of the same names", batches{{row}, {withAttributes("a", epoch, `{"x":2,"y":"z"}`)}}, InsertResult{Conflicts: []int{0}}, nil},
		{"fewer names", batches{{row}, {bare("a", epoch)}}, InsertResult{Conflicts: []int{0}}, nil},
		{"another place", batches{{row}, {change(sos, func(p *codec.Position) { p.Lat++ })}}, InsertResult{Conflicts: []int{0}}, nil},
		{"another place, not far away", batches{{row}, {change(sos, func(p *codec.Position) { p.Lon += 1e-9 })}}, InsertResult{Conflicts: []int{0}}, nil},
		{"another time", batches{{row}, {withAttributes("a", epoch+1, `{"alarm":"sos"}`)}}, InsertResult{Inserted: 1}, nil},
		{"a faulty one", batches{{row}, {change(sos, func(p *codec.Position) { p.Faulty = true })}}, InsertResult{Conflicts: []int{0}}, nil},
		{"to a faulty row", batches{{change(row, func(p *codec.Position) { p.Faulty = true })}, {sos}}, InsertResult{Extras: 1}, []string{`a 0 {"alarm":"sos"}`}},
		{"among others", batches{{row, withAttributes("b", epoch, "")}, {withAttributes("b", epoch+1, ""), sos, row, change(row, func(p *codec.Position) { p.Speed, p.Has = 1, codec.HasSpeed })}},
			InsertResult{Inserted: 1, Extras: 1, Duplicates: 1, Conflicts: []int{3}}, []string{`a 0 {"alarm":"sos"}`}},
	}
	conformPositions(t, func(t *testing.T, d Database) {
		var extras []string
		for i, tt := range tests {
			var got InsertResult
			for _, batch := range tt.in {
				batch = slices.Clone(batch)
				for k := range batch {
					batch[k].DeviceID = fmt.Sprintf("%02d%s", i, batch[k].DeviceID)
				}
				got = insert(t, d, batch...)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: result (-want +got):\n%s", tt.name, diff)
			}
			for _, x := range tt.extras {
				extras = append(extras, fmt.Sprintf("%02d%s", i, x))
			}
		}
		if diff := cmp.Diff(extras, extrasOf(t, d)); diff != "" {
			t.Errorf("extras (-want +got):\n%s", diff)
		}
	})
}

// The hash of a record must never change, because an older version may have written
// the row.
func TestContentHashStays(t *testing.T) {
	p := full("a", epoch)
	const want = int64(862101164640130884)
	if got := contentHash(&p); got != want {
		t.Errorf("the hash is %d, want %d", got, want)
	}
	for name, fn := range map[string]func(*codec.Position){
		"arrival": func(p *codec.Position) { p.Arrival++ },
		"faulty":  func(p *codec.Position) { p.Faulty = true },
	} {
		if q := change(p, fn); contentHash(&q) != want {
			t.Errorf("%s changes the hash", name)
		}
	}
	seen := map[int64]string{want: "itself"}
	for name, fn := range contentChanges {
		q := change(p, fn)
		if other, ok := seen[contentHash(&q)]; ok {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[contentHash(&q)] = name
	}
}

// deliveryModel is the model of TestAnyDelivery: the expected content of the database.
type deliveryModel struct {
	rows   map[string]codec.Position
	extras map[string]bool
}

// put adds a record and returns its result.
func (l *deliveryModel) put(p codec.Position) (r InsertResult) {
	p.Arrival, p.Faulty = 0, false
	row, ok := l.rows[p.DeviceID]
	if !ok {
		l.rows[p.DeviceID] = p
		return InsertResult{Inserted: 1}
	}
	added := codec.AddedAttributes(nil, row.Attributes, p.Attributes)
	switch {
	case row == p:
		return InsertResult{Duplicates: 1}
	case row.Lat != p.Lat || len(added) == 0:
		return InsertResult{Conflicts: []int{0}}
	}
	key := fmt.Sprintf("%+v", p)
	if l.extras[key] {
		return InsertResult{Duplicates: 1}
	}
	l.extras[key] = true
	return InsertResult{Extras: 1}
}

// TestAnyDelivery inserts random batches of a few records, most of them repeatedly.
// The results must be those of the model, and a record that was delivered before is
// never new.
func TestAnyDelivery(t *testing.T) {
	attributes := []codec.Attributes{"", "{}", `{"a":1}`, `{"a":2}`, `{"b":1}`, `{"a":1,"b":1}`, `{"b":1,"a":1}`}
	seed := rand.Uint64()
	conform(t, func(t *testing.T, d Database) {
		rng := rand.New(rand.NewPCG(seed, 0))
		model := deliveryModel{rows: map[string]codec.Position{}, extras: map[string]bool{}}
		outcome := map[string]string{} // of the first delivery
		for range 150 {
			batch := make([]codec.Position, 1+rng.IntN(8))
			var want InsertResult
			for i := range batch {
				p := withAttributes(fmt.Sprint("d", rng.IntN(40)), epoch, string(attributes[rng.IntN(len(attributes))]))
				p.Arrival += rng.Int64N(3)
				p.Faulty = rng.IntN(20) == 0 && p.Attributes == ""
				p.Lat += float64(rng.IntN(5) / 4)
				batch[i] = p
				r := model.put(p)
				want.Inserted, want.Extras, want.Duplicates = want.Inserted+r.Inserted, want.Extras+r.Extras, want.Duplicates+r.Duplicates
				if len(r.Conflicts) > 0 {
					want.Conflicts = append(want.Conflicts, i)
				}
				p.Arrival, p.Faulty = 0, false
				key := fmt.Sprintf("%+v", p)
				if first, ok := outcome[key]; ok && (r.Inserted > 0 || r.Extras > 0) {
					t.Fatalf("the model accepts %s again, which was %s", key, first)
				}
				outcome[key] = fmt.Sprintf("%+v", r)
			}
			got, err := d.InsertPositions(context.Background(), batch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d, %+v: result (-want +got):\n%s", seed, batch, diff)
			}
		}
		if got := len(extrasOf(t, d)); got != len(model.extras) || got == 0 {
			t.Errorf("seed %d: %d extras, want %d", seed, got, len(model.extras))
		}
	})
}
