package faults

import (
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// The database is down for several refreshes. The roster is kept, spectators
// still get positions and can connect and subscribe, each failure is counted
// and few are logged. After the restart, changes of the roster are seen and
// the archive catches up.
func TestDatabaseGone(t *testing.T) {
	const devices = 200
	s := newStack(t, devices)
	// However long this machine takes, the archive's fault is not yet one of readiness.
	e := s.Start("--live-device-event-refresh-ms=100", "--archive-ready-fault-ms=86400000")
	early := s.Watch(e.HTTP, "early", "", "")
	load := s.load(s.RedisURL, devices)
	load.more(s, devices)

	s.PG.Stop()
	began := time.Now()
	before := e.Metric(t, "processor_live_device_event_refresh_failures_total")
	s.Eventually("several refreshes to fail", func() bool {
		return e.Metric(t, "processor_live_device_event_refresh_failures_total") >= before+5
	})
	s.Eventually("the archive to fail", func() bool { return e.Metric(t, "processor_archive_failures_total") > 0 })
	e.WantMetric(t, "processor_live_device_event_entries", devices)
	late := s.Watch(e.HTTP, "late", "?batch=1", "")
	load.more(s, 2*devices)
	for _, w := range []*e2etest.Screen{early, late} {
		shown, _ := w.Counts()
		s.Eventually(w.Name+" to see positions without a database", func() bool {
			n, _ := w.Counts()
			return n >= shown+devices
		})
	}
	if status, body := e.Get(t, "/readyz"); status != 200 {
		t.Errorf("/readyz answers %d without a database: %s", status, body)
	}
	// One line at once, and one more every ten seconds.
	allowed := 1 + int(time.Since(began)/(10*time.Second))
	for _, text := range []string{"map could not be refreshed", "positions could not be written"} {
		if n := len(e.Log.Find(text)); n == 0 || n > allowed {
			t.Errorf("%d lines say %q after %v, want 1 to %d", n, text, time.Since(began), allowed)
		}
	}

	s.PG.Start()
	const added = "d-added"
	s.SQL(`INSERT INTO entry_devices VALUES ('n-0', '` + added + `')`)
	s.Eventually("the added device to be announced", func() bool { return early.Has(added) && late.Has(added) })
	load.stop()
	ts := time.Now().UnixMilli()
	s.Add(record(added, ts, 0)...)
	newest := load.newest()
	newest[added] = ts
	s.WantScreens(newest, early, late)
	s.wantTable(append(load.names(), recordName(added, ts, 0)))
	e.WantMetric(t, "processor_live_device_event_entries", devices+1)
}

// The network to the database stalls without an error. Spectators notice
// nothing, and the archive catches up afterwards.
func TestDatabaseStalled(t *testing.T) {
	const devices = 100
	s := newStack(t, devices)
	proxy := s.ProxyDatabase()
	e := s.Start("--live-device-event-refresh-ms=100")
	screen := s.Watch(e.HTTP, "spectator", "", "")
	load := s.load(s.RedisURL, devices)
	load.more(s, devices)

	proxy.Stall()
	s.Eventually("entries to pend", s.Pending)
	shown, _ := screen.Counts()
	load.more(s, 10*devices)
	s.Eventually("positions on the screen nevertheless", func() bool {
		n, _ := screen.Counts()
		return n >= shown+10*devices
	})
	proxy.Resume()
	load.stop()
	s.WantScreens(load.newest(), screen)
	s.wantTable(load.names())
}

// The events of the platform become a view in which ids may be NULL or empty.
// The start and the refreshes work for all other events.
func TestEventsWithoutIds(t *testing.T) {
	const devices = 10
	s := newStack(t, devices)
	s.SQL(`ALTER TABLE events RENAME TO events_before;
		CREATE VIEW events AS SELECT id FROM events_before UNION ALL VALUES (NULL), ('')`)
	e := s.Start("--live-device-event-refresh-ms=100")
	e.WantMetric(t, "processor_live_device_event_left_out", 2)
	e.WantMetric(t, "processor_live_device_event_entries", devices)
	screen := s.Watch(e.HTTP, "screen", "", "")
	load := s.load(s.RedisURL, devices)
	load.more(s, devices)
	s.SQL(`INSERT INTO entry_devices VALUES ('n-0', 'd-added')`)
	s.Eventually("the added device to be announced", func() bool { return screen.Has("d-added") })
	load.stop()
	s.WantScreens(load.newest(), screen)
	e.WantMetric(t, "processor_live_device_event_refresh_failures_total", 0)
	if n := len(e.Log.Find("left out of the roster")); n != 1 {
		t.Errorf("%d lines say that events are left out, want 1", n)
	}
}
