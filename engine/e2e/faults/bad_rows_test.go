package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// The table may hold rows that no record could have made, written by others or
// by an earlier version. Neither a start nor a correction shows them.
func TestInvalidRowsOfTheTableAreNotShown(t *testing.T) {
	bad := []string{ // time after from in ms, lat, lon
		"1, 'NaN', 8", "1, 47, 'NaN'", "1, 'Infinity', 8", "1, 47, '-Infinity'", "1, 90.01, 8", "1, 47, -180.01",
		fmt.Sprint((24*time.Hour + time.Second).Milliseconds(), ", 47, 8"),
	}
	s := newStack(t, 3*len(bad))
	from := time.Now().Add(-time.Hour).UnixMilli()
	var rows strings.Builder
	row := func(device int, values string) {
		fmt.Fprintf(&rows, `INSERT INTO positions (device_id, ts, received_at, lat, lon)
			SELECT '%s', to_timestamp((%[2]d + after) / 1000.0), to_timestamp(%[2]d / 1000.0), lat::float8, lon::float8 FROM (VALUES (%s)) v(after, lat, lon);`,
			e2etest.Device(device), from, values)
	}
	shown := map[string]int64{}
	for i, values := range bad {
		only, newest, between := 3*i, 3*i+1, 3*i+2
		row(only, values)
		row(newest, "0, 47.0, 8.0")
		row(newest, values)
		row(between, "0, 47.0, 8.0")
		row(between, values)
		row(between, "10, 47.0, 8.0")
		shown[e2etest.Device(newest)], shown[e2etest.Device(between)] = from, from+10
	}
	s.SQL(rows.String())
	e := s.Start()
	screens := []*e2etest.Screen{s.Watch(e.HTTP, "plain", "", ""), s.Watch(e.HTTP, "batch", "?batch=1", "")}
	s.WantScreens(shown, screens...)

	s.SQL(fmt.Sprintf("UPDATE positions SET faulty = true WHERE ts = to_timestamp(%d / 1000.0)", from+10))
	for i := range bad {
		shown[e2etest.Device(3*i+2)] = from
	}
	s.WantScreens(shown, screens...)
	if n := e.Metric(t, "processor_archive_correction_failures_total"); n != 0 {
		t.Errorf("%d lookups failed", n)
	}
}
