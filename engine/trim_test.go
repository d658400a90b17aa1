package engine_test

import (
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// Simulated positions of more than an hour ago go at start. Others stay, also those of a
// device that has the name of a simulated one and takes part in a real event.
func TestSimulatedPositionsAreKeptForAnHour(t *testing.T) {
	b := e2etest.EmbeddedBackends(t)
	first := b.Start(t)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	old, young := time.Now().Add(-2*time.Hour).UnixMilli(), time.Now().Add(-time.Minute).UnixMilli()
	for _, id := range []string{"sim-001", "sim-002", "sim-orphan-1", "car"} {
		for _, ts := range []int64{old, young} {
			if _, err := b.DB.Exec("INSERT INTO positions (device_id, ts, lat, lon, received_at) VALUES (?, ?, 1, 2, ?)", id, ts, ts); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := b.DB.Exec("INSERT INTO events VALUES ('race'); INSERT INTO entries VALUES ('n2', 'race'); INSERT INTO entry_devices VALUES ('n2', 'sim-002')"); err != nil {
		t.Fatal(err)
	}
	e := b.Start(t)
	testenv.Eventually(t, e2etest.Patience, "old simulated positions to go", func() bool {
		var left string
		if err := b.DB.QueryRow("SELECT coalesce(group_concat(device_id), '') FROM (SELECT device_id FROM positions WHERE ts = ? ORDER BY device_id)", old).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left == "car,sim-002"
	})
	var n int
	if err := b.DB.QueryRow("SELECT count(*) FROM positions WHERE ts = ?", young).Scan(&n); err != nil || n != 4 {
		t.Errorf("%d of 4 young positions are left, %v", n, err)
	}
	if lines := e.Log.Find("the embedded database is bounded"); len(lines) != 1 || !strings.Contains(lines[0].Attrs["keeps"], "365 days") {
		t.Errorf("the limits are not announced: %v", lines)
	}
}
