package lastvalues

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/shard"
)

// table has a good position of each device. After stopAfter devices it blocks until
// its context ends.
type table struct {
	clocks    error
	stopAfter int
}

func (s table) Clocks(context.Context, []string) ([]shard.Clock, error) { return nil, s.clocks }

func (s table) LastPositions(ctx context.Context, devices []string, _ db.LiveRule, fn func(*db.Last) error) error {
	for i, d := range devices {
		if i == s.stopAfter {
			<-ctx.Done()
			return ctx.Err()
		}
		p := codec.Position{DeviceID: d, TS: 1_777_629_661_000, Arrival: 1_777_629_661_100, Lat: 1, Lon: 2}
		if err := fn(&db.Last{Device: d, Good: &p}); err != nil {
			return err
		}
	}
	return nil
}

// Running out of time is no error: the positions that were read are shown. Any other
// error is returned.
func TestLoadIsBounded(t *testing.T) {
	devices := []string{"a", "b", "c", "d", "e"}
	for _, c := range []struct {
		name  string
		table table
		log   string // a part of the log
		err   string // a part of the error; "" for none
	}{
		{"all", table{stopAfter: len(devices)}, "devices=5 found=5", ""},
		{"out of time", table{stopAfter: 3}, "LIVE_WARM_TIME_MS", ""},
		{"an error", table{clocks: errors.New("no table")}, "", "no table"},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := startCore(t, devices)
			var log bytes.Buffer
			err := Load(t.Context(), Options{
				Table: c.table, Core: core, Tolerance: time.Second, Difference: func() time.Duration { return 0 },
				Timeout: 100 * time.Millisecond, BatchSize: 2, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if !strings.Contains(log.String(), c.log) {
				t.Errorf("%q is not logged:\n%s", c.log, &log)
			}
			if want := "found=3"; c.table.stopAfter == 3 && !strings.Contains(log.String(), want) {
				t.Errorf("%q is not logged:\n%s", want, &log)
			}
		})
	}
}

// startCore runs a core whose event has the devices.
func startCore(t *testing.T, devices []string) *shard.Core {
	t.Helper()
	core, err := shard.New(shard.Config{Shards: 2, Writers: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- core.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	roster := shard.Roster{Events: []string{"e"}}
	for _, d := range devices {
		roster.Pairs = append(roster.Pairs, shard.Pair{Device: d, Event: "e"})
	}
	if err := core.Swap(ctx, roster); err != nil {
		t.Fatal(err)
	}
	return core
}
