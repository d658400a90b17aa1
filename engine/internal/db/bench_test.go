package db

import (
	"fmt"
	"strconv"
	"testing"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// BenchmarkInsertPositions inserts batches of several sizes, with positions of 1000
// devices in turn.
func BenchmarkInsertPositions(b *testing.B) {
	databases := []struct {
		name string
		open func(b *testing.B) Database
	}{
		{"postgres", func(b *testing.B) Database {
			return migrated(b, Options{URL: testenv.NewDatabase(b), Logger: discard})
		}},
		{"sqlite", func(b *testing.B) Database {
			return migrated(b, Options{DataDir: b.TempDir(), Logger: discard})
		}},
	}
	for _, on := range databases {
		for _, rows := range []int{500, 1000, 2000} {
			b.Run(fmt.Sprintf("%s/rows=%d", on.name, rows), func(b *testing.B) {
				d := on.open(b)
				batch := make([]codec.Position, rows)
				n := 0
				b.ResetTimer()
				for b.Loop() {
					for i := range batch {
						batch[i] = full("device-"+strconv.Itoa(n%1000), epoch+int64(n/1000)*1000)
						n++
					}
					r, err := d.InsertPositions(b.Context(), batch)
					if err != nil || r.Inserted != rows {
						b.Fatal(r, err)
					}
				}
				b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkLastPositions reads the newest of 1000 devices out of 200,000 rows.
func BenchmarkLastPositions(b *testing.B) {
	d := migrated(b, Options{URL: testenv.NewDatabase(b), Logger: discard})
	for n := range 200 {
		batch := make([]codec.Position, 1000)
		for i := range batch {
			batch[i] = full("device-"+strconv.Itoa(i), epoch+int64(n)*1000)
		}
		if _, err := d.InsertPositions(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	names := devices(b, d)
	for b.Loop() {
		n := 0
		if err := d.LastPositions(b.Context(), names, LiveRule{}, func(*Last) error { n++; return nil }); err != nil || n != 1000 {
			b.Fatal(n, err)
		}
	}
}
