package db

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// trimmed opens an embedded database with positions of two devices, one a second.
func trimmed(t *testing.T, each int) (Database, string) {
	t.Helper()
	dir := t.TempDir()
	d, err := Open(t.Context(), Options{DataDir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(t, d, 0, each)
	return d, filepath.Join(dir, fileName)
}

func fill(t *testing.T, d Database, from, to int) {
	t.Helper()
	for i := from; i < to; i += 500 {
		var batch []codec.Position
		for j := i; j < min(i+500, to); j++ {
			for _, device := range []string{"sim-001", "car"} {
				batch = append(batch, codec.Position{DeviceID: device, TS: int64(j) * 1000, Lat: 1, Lon: 2, Codec: strings.Repeat("x", 50)})
			}
		}
		if r, err := d.InsertPositions(t.Context(), batch); err != nil || r.Inserted != len(batch) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
}

// spanOf returns the seconds of the oldest and the newest position of a device, and their
// number.
func spanOf(t *testing.T, d Database, device string) string {
	t.Helper()
	var first, last, n int64
	if err := d.(*sqlite).read.QueryRowContext(t.Context(), "SELECT coalesce(min(ts), 0) / 1000, coalesce(max(ts), 0) / 1000, count(*) FROM positions WHERE device_id = ?", device).Scan(&first, &last, &n); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(first, last, n)
}

// Each device has an age of its own.
func TestTrimByAge(t *testing.T) {
	d, _ := trimmed(t, 5000)
	deleted, err := d.(Trimmer).Trim(t.Context(), TrimRule{Before: func(device string) time.Time {
		if device == "sim-001" {
			return time.UnixMilli(4400_000)
		}
		return time.Time{}
	}})
	if err != nil || deleted != 4400 {
		t.Errorf("deleted %d, %v", deleted, err)
	}
	if got := spanOf(t, d, "sim-001") + "; " + spanOf(t, d, "car"); got != "4400 4999 600; 0 4999 5000" {
		t.Errorf("left: %s", got)
	}
}

// Beyond the size the oldest positions go, and the file does not grow any more.
func TestTrimBySize(t *testing.T) {
	d, file := trimmed(t, 10_000)
	used, err := d.(*sqlite).usedBytes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	limit := used / 2
	rule := TrimRule{Before: func(string) time.Time { return time.Time{} }, MaxBytes: limit}
	var size int64
	for round := range 4 {
		if _, err := d.(Trimmer).Trim(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
		if used, err = d.(*sqlite).usedBytes(t.Context()); err != nil || used > limit || used < limit/2 {
			t.Errorf("round %d: %d bytes in use, %v, the limit is %d", round, used, err, limit)
		}
		var first, last, n int
		if _, err := fmt.Sscan(spanOf(t, d, "car"), &first, &last, &n); err != nil || last != 10_000+round*3000-1 || n != last-first+1 {
			t.Errorf("round %d: not the oldest were deleted: %d to %d, %d positions", round, first, last, n)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if round > 0 && info.Size() > size+size/4 {
			t.Errorf("round %d: the file grew from %d to %d bytes", round, size, info.Size())
		}
		size = max(size, info.Size())
		fill(t, d, 10_000+round*3000, 10_000+(round+1)*3000)
	}
}
