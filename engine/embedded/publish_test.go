package embedded

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// TestPublishToServers lets the simulator publish with redis.Client to each kind of
// server, and checks what arrived.
func TestPublishToServers(t *testing.T) {
	servers := []struct {
		name string
		url  func(t *testing.T) string
	}{
		{"embedded", func(t *testing.T) string { return startRedis(t).URL() }},
		{"redis-server", func(t *testing.T) string { return testenv.Redis(t).URL() }},
	}
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			log := slog.New(slog.DiscardHandler)
			client, err := redis.Open(t.Context(), redis.Options{URL: server.url(t), Logger: log})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			s, err := NewSimulator(Options{Devices: 300, Publisher: client, Streams: []string{"telemetry:t"}, Logger: log})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := s.Run(ctx); err != nil {
					t.Error(err)
				}
			})
			var entries []redis.Entry
			testenv.Eventually(t, 20*time.Second, "100 records in the stream", func() bool {
				entries, err = client.Range(t.Context(), "telemetry:t", redis.ID{}, redis.MaxID, 1000, nil)
				return err == nil && len(entries) >= 100
			})
			cancel()
			wg.Wait()
			for _, e := range entries {
				fields := map[string]string{}
				for i := 0; i+1 < len(e.Fields); i += 2 {
					fields[e.Fields[i]] = e.Fields[i+1]
				}
				// The server uses the same clock, so no fix is newer than its
				// entry.
				if p, ok := parse(fields); ok && p.ts.After(time.UnixMilli(int64(e.ID.Ms)+1)) {
					t.Errorf("fix of %v arrived before it was measured: %v", p.ts, e.ID)
				}
			}
		})
	}
}

// TestFailuresAreLoggedOncePerInterval publishes for a minute without success.
func TestFailuresAreLoggedOncePerInterval(t *testing.T) {
	var out bytes.Buffer
	rec := recorder{err: errors.New("connection refused")}
	synctest.Test(t, func(t *testing.T) {
		simulate(t, Options{
			Devices: 20, Publisher: &rec, Streams: []string{"s"}, Logger: slog.New(slog.NewTextHandler(&out, nil)),
		}, time.Minute)
	})
	lines := strings.Count(out.String(), "\n")
	if lines < 5 || lines > 7 {
		t.Errorf("%d lines in a minute of failures, want one in ten seconds:\n%s", lines, out.String())
	}
	if !strings.Contains(out.String(), "connection refused") || !strings.Contains(out.String(), "records=2") {
		t.Errorf("no cause or count in:\n%s", out.String())
	}
}

func TestStoppedWhilePublishingIsNoError(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	s, err := NewSimulator(Options{
		Devices: 5, Streams: []string{"s"}, Logger: slog.New(slog.NewTextHandler(&out, nil)),
		Publisher: publisherFunc(func(ctx context.Context) error {
			cancel()
			return ctx.Err()
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(ctx); err != nil || out.Len() > 0 {
		t.Errorf("Run: %v, logged %q", err, out.String())
	}
}

type publisherFunc func(ctx context.Context) error

func (f publisherFunc) AddAll(ctx context.Context, _ string, _ int64, _ [][]string) error {
	return f(ctx)
}

func TestNewSimulatorRefuses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	tests := []struct {
		name, contains string
		o              Options
	}{
		{"no device", "SIMULATE", Options{Publisher: &recorder{}, Streams: []string{"s"}, Logger: log}},
		{"too many", "SIMULATE", Options{Devices: MaxDevices + 1, Publisher: &recorder{}, Streams: []string{"s"}, Logger: log}},
		{"no stream", "TELEMETRY_STREAMS", Options{Devices: 1, Publisher: &recorder{}, Logger: log}},
		{"no publisher", "Publisher", Options{Devices: 1, Streams: []string{"s"}, Logger: log}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := NewSimulator(tt.o); err == nil || !strings.Contains(err.Error(), tt.contains) {
				t.Errorf("error %v, want %s in it", err, tt.contains)
			}
		})
	}
}

func TestRoster(t *testing.T) {
	s, err := NewSimulator(Options{Devices: 1200, Publisher: &recorder{}, Streams: []string{"s"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	rows := s.Roster()
	if len(rows) != 1200 || rows[0] != (RosterRow{"demo", "demo-001", "sim-001"}) || rows[1199] != (RosterRow{"demo", "demo-1200", "sim-1200"}) {
		t.Errorf("%d rows from %v to %v", len(rows), rows[0], rows[len(rows)-1])
	}
	devices, entries := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		devices[r.Device], entries[r.Entry] = true, true
		if strings.Contains(r.Device, "orphan") {
			t.Errorf("%s is in the roster", r.Device)
		}
	}
	if len(devices) != 1200 || len(entries) != 1200 {
		t.Errorf("%d devices and %d entries in 1200 rows", len(devices), len(entries))
	}
}
