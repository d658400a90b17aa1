package corrections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// recorder records the corrections that it gets.
type recorder struct {
	mu    sync.Mutex
	calls int
	last  map[string]shard.Correction
}

func (b *recorder) Correct(_ context.Context, list []shard.Correction) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	for _, x := range list {
		b.last[x.Device] = x
	}
	return nil
}

// of returns the times of the last good and the newest faulty position of a device.
func (b *recorder) of(device string) (good, upTo int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.last[device]
	if x.Good != nil {
		good = x.Good.TS
	}
	if len(x.Faulty) > 0 {
		upTo = x.Faulty[0].TS
	}
	return good, upTo
}

// flakyHistory fails its first lookups.
type flakyHistory struct {
	db.Database
	mu   sync.Mutex
	left int
}

func (f *flakyHistory) LastPositions(ctx context.Context, devices []string, rule db.LiveRule, fn func(*db.Last) error) error {
	f.mu.Lock()
	f.left--
	left := f.left
	f.mu.Unlock()
	if left >= 0 {
		return errors.New("no")
	}
	return f.Database.LastPositions(ctx, devices, rule, fn)
}

func TestCorrections(t *testing.T) { onPostgres(t, checkCorrections) }

func checkCorrections(t *testing.T, r *rig) {
	pg := testenv.Postgres(t)
	from := time.Now().Add(-time.Hour).UnixMilli()
	const devices = 2500 // more than one lookup
	var batch []codec.Position
	var names []string
	for i := range devices {
		name := fmt.Sprintf("d-%06d", i)
		names = append(names, name)
		for k := range int64(2) {
			batch = append(batch, codec.Position{DeviceID: name, TS: from + k, Arrival: from + k, Lat: 1, Lon: 2})
		}
	}
	if _, err := r.db.InsertPositions(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	b := &recorder{last: map[string]shard.Correction{}}
	c := New(Options{
		History: &flakyHistory{Database: r.db, left: 2}, Target: b, Devices: func() []string { return names[:10] },
		Tolerance: time.Second, Difference: func() time.Duration { return 0 }, Logger: r.slog(), Metrics: r.set,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	// All shown devices are looked up when it listens, after failed lookups too.
	r.eventually("the first lookup", func() bool { good, _ := b.of(names[9]); return good == from+1 })
	r.wantMetric("processor_archive_correction_failures_total", 2)

	pg.Query(r.pgURL, fmt.Sprintf("UPDATE positions SET faulty = true WHERE ts = to_timestamp(%d / 1000.0)", from+1))
	r.eventually("all corrections", func() bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			good, upTo := b.of(name)
			return good != from || upTo != from+1
		})
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls > 20 {
		t.Errorf("%d devices of one burst took %d calls, want at most 20", devices, b.calls)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}
