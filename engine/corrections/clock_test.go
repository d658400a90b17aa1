package corrections

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// offClock makes n positions, one a second, of a clock that is off by offset. The
// last ones, as many as faulty says, are marked faulty.
func offClock(device string, from int64, n, faulty int, offset time.Duration) (list []codec.Position) {
	for i := range n {
		arrival := from + int64(i)*1000
		list = append(list, codec.Position{DeviceID: device, TS: arrival + offset.Milliseconds(), Arrival: arrival, Lat: 1, Lon: 2, Faulty: i >= n-faulty})
	}
	return list
}

// TestCorrectionsOfWrongClocks: a device whose clock is wrong falls back to the last
// good position by arrival, and the correction lists the faulty positions.
func TestCorrectionsOfWrongClocks(t *testing.T) {
	const n = 10
	run := func(t *testing.T, r *rig) {
		from := time.Now().Add(-time.Hour).UnixMilli()
		offsets := map[string]time.Duration{"right": 0, "late server": 20 * time.Second, "ahead": time.Hour, "fell": -2 * time.Hour}
		faulty := map[string]int{"right": 1, "late server": 2, "ahead": 3, "fell": 4, "all": 70}
		var batch []codec.Position
		names := []string{"all"}
		for device, offset := range offsets {
			names = append(names, device)
			batch = append(batch, offClock(device, from, n, faulty[device], offset)...)
		}
		batch = append(batch, offClock("all", from, faulty["all"], faulty["all"], 0)...)
		if result, err := r.db.InsertPositions(t.Context(), batch); err != nil || result.Inserted != len(batch) {
			t.Fatalf("%+v, %v", result, err)
		}
		// The offset is that of device time and live arrival, and the server is late.
		if err := r.db.SaveClocks(t.Context(), []shard.Clock{{Device: "fell", Since: from, Offset: offsets["fell"].Milliseconds() - 20_000}}); err != nil {
			t.Fatal(err)
		}
		b := &recorder{last: map[string]shard.Correction{}}
		c := New(Options{
			History: r.db, Target: b, Devices: func() []string { return names },
			Tolerance: time.Second, Difference: func() time.Duration { return 20 * time.Second }, Logger: r.slog(), Metrics: r.set,
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		}()
		r.eventually("the lookup of all devices", func() bool { return len(b.known()) == len(names) })
		want := map[string]string{}
		for device, offset := range offsets {
			want[device] = correctionOf(offClock(device, from, n, faulty[device], offset))
		}
		newest := offClock("all", from, 70, 70, 0)
		want["all"] = correctionOf(newest[70-shard.MaxFaulty:])
		if diff := cmp.Diff(want, b.known()); diff != "" {
			t.Errorf("corrections (-want +got):\n%s", diff)
		}
		if r.pgURL == "" {
			return // SQLite does not notify of marks
		}
		testenv.Postgres(t).Query(r.pgURL, "UPDATE positions SET faulty = NOT faulty WHERE device_id = 'ahead'")
		changed := offClock("ahead", from, n, 3, time.Hour)
		for i := range changed {
			changed[i].Faulty = !changed[i].Faulty
		}
		r.eventually("the correction of the changed marks", func() bool { return b.known()["ahead"] == correctionOf(changed) })
	}
	t.Run("postgres", func(t *testing.T) { run(t, newRig(t, testenv.NewDatabase(t))) })
	t.Run("sqlite", func(t *testing.T) { run(t, newRig(t, "")) })
}

// correctionOf returns the expected correction of positions that are ordered by
// arrival.
func correctionOf(list []codec.Position) string {
	good, stamps := int64(0), []shard.Stamp(nil)
	for i := len(list) - 1; i >= 0 && good == 0; i-- {
		if list[i].Faulty {
			stamps = append(stamps, shard.Stamp{TS: list[i].TS, Arrival: list[i].Arrival})
		} else {
			good = list[i].TS
		}
	}
	return fmt.Sprintln(good, stamps)
}

// known returns the last correction of each device, in the form of correctionOf.
func (b *recorder) known() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]string{}
	for device, x := range b.last {
		good := int64(0)
		if x.Good != nil {
			good = x.Good.TS
		}
		all[device] = fmt.Sprintln(good, x.Faulty)
	}
	return all
}
