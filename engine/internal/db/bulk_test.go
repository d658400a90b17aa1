package db

import (
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// TestBatchesInEveryQueryMode: in every query mode that the URL may set, existing
// rows are compared correctly, also on a new connection, which reads the types again.
func TestBatchesInEveryQueryMode(t *testing.T) {
	for _, option := range []string{"", "&default_query_exec_mode=exec", "&default_query_exec_mode=simple_protocol",
		"&default_query_exec_mode=cache_statement", "&default_query_exec_mode=cache_describe", "&description_cache_capacity=0"} {
		t.Run(option, func(t *testing.T) {
			url := migratedURL(t)
			d := openDatabase(t, Options{URL: url + option, Logger: discard})
			other := full("a", epoch+1)
			other.Lat++
			for _, step := range []struct {
				batch []codec.Position
				want  InsertResult
			}{
				{[]codec.Position{full("a", epoch), bare("b", epoch), full("a", epoch+1)}, InsertResult{Inserted: 3}},
				{[]codec.Position{other, bare("b", epoch), full("c", epoch)}, InsertResult{Inserted: 1, Duplicates: 1, Conflicts: []int{0}}},
			} {
				got, err := d.InsertPositions(t.Context(), step.batch)
				if err != nil || got.Inserted != step.want.Inserted || got.Duplicates != step.want.Duplicates ||
					len(got.Conflicts) != len(step.want.Conflicts) {
					t.Fatalf("%+v, %v; want %+v", got, err, step.want)
				}
				testenv.Postgres(t).CutClients()
				for _, pool := range d.(*postgres).pools() {
					testenv.Eventually(t, 20*time.Second, "a new connection", func() bool { return pool.Ping(t.Context()) == nil })
				}
			}
			var last codec.Position
			err := d.LastPositions(t.Context(), []string{"a"}, LiveRule{}, func(l *Last) error { last = *l.Good; return nil })
			if want := full("a", epoch+1); err != nil || last != want {
				t.Errorf("the row is read as %+v, %v; want %+v", last, err, want)
			}
		})
	}
}
