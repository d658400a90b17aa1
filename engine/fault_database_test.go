package engine_test

import (
	"testing"
	"time"
)

// The database goes away for the length of several refreshes: the map is kept,
// spectators go on seeing and can come and subscribe, each failure is counted
// and one line is logged. When it is back, roster rows are seen and the
// archive catches up.
func TestFaultDatabaseGone(t *testing.T) {
	const devices = 200
	s := newFaultSite(t, devices)
	e := s.start("--live-device-event-refresh-ms=100")
	early := s.watch(e.http, "early", "", "")
	load := s.load(s.redisURL, devices)
	load.more(s, devices)

	s.pg.Stop()
	began := time.Now()
	before := e.metric(t, "processor_live_device_event_refresh_failures_total")
	s.eventually("several refreshes to fail", func() bool {
		return e.metric(t, "processor_live_device_event_refresh_failures_total") >= before+5
	})
	s.eventually("the archive to fail", func() bool { return e.metric(t, "processor_archive_failures_total") > 0 })
	e.wantMetric(t, "processor_live_device_event_entries", devices)
	late := s.watch(e.http, "late", "?batch=1", "")
	load.more(s, 2*devices)
	for _, w := range []*faultScreen{early, late} {
		shown, _ := w.counts()
		s.eventually(w.name+" to see positions without a database", func() bool {
			n, _ := w.counts()
			return n >= shown+devices
		})
	}
	if status, body := e.get(t, "/readyz"); status != 200 {
		t.Errorf("/readyz answers %d without a database: %s", status, body)
	}
	// One line at once, and one more in every ten seconds.
	allowed := 1 + int(time.Since(began)/(10*time.Second))
	for _, text := range []string{"map could not be refreshed", "positions could not be written"} {
		if n := len(e.log.find(text)); n == 0 || n > allowed {
			t.Errorf("%d lines say %q after %v, want 1 to %d", n, text, time.Since(began), allowed)
		}
	}

	s.pg.Start()
	const added = "d-added"
	s.sql(`INSERT INTO entry_devices VALUES ('n-0', '` + added + `')`)
	s.eventually("the added device to be announced", func() bool { return early.has(added) && late.has(added) })
	load.stop()
	ts := time.Now().UnixMilli()
	s.add(faultRecord(added, ts, 0)...)
	newest := load.newest()
	newest[added] = ts
	s.wantScreens(newest, early, late)
	s.wantTable(append(load.names(), faultName(added, ts, 0)))
	e.wantMetric(t, "processor_live_device_event_entries", devices+1)
	if err := e.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// The network to the database stands still instead of breaking, which no error
// tells: spectators notice nothing, and the archive catches up afterwards.
func TestFaultDatabaseStalled(t *testing.T) {
	const devices = 100
	s := newFaultSite(t, devices)
	proxy := s.stallable()
	e := s.start("--live-device-event-refresh-ms=100")
	screen := s.watch(e.http, "spectator", "", "")
	load := s.load(s.redisURL, devices)
	load.more(s, devices)

	proxy.Stall()
	s.eventually("entries to pend", func() bool { return s.pending() > 0 })
	shown, _ := screen.counts()
	load.more(s, 10*devices)
	s.eventually("positions on the screen all the same", func() bool {
		n, _ := screen.counts()
		return n >= shown+10*devices
	})
	proxy.Resume()
	load.stop()
	s.wantScreens(load.newest(), screen)
	s.wantTable(load.names())
	if err := e.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// The platform's events become a view with ids that are NULL or empty. The
// start and the refreshes go on, for all other events.
func TestFaultEventsWithoutIds(t *testing.T) {
	const devices = 10
	s := newFaultSite(t, devices)
	s.sql(`ALTER TABLE events RENAME TO events_before;
		CREATE VIEW events AS SELECT id FROM events_before UNION ALL VALUES (NULL), ('')`)
	e := s.start("--live-device-event-refresh-ms=100")
	e.wantMetric(t, "processor_live_device_event_left_out", 2)
	e.wantMetric(t, "processor_live_device_event_entries", devices)
	screen := s.watch(e.http, "screen", "", "")
	load := s.load(s.redisURL, devices)
	load.more(s, devices)
	s.sql(`INSERT INTO entry_devices VALUES ('n-0', 'd-added')`)
	s.eventually("the added device to be announced", func() bool { return screen.has("d-added") })
	load.stop()
	s.wantScreens(load.newest(), screen)
	e.wantMetric(t, "processor_live_device_event_refresh_failures_total", 0)
	if n := len(e.log.find("left out of the roster")); n != 1 {
		t.Errorf("%d lines say that events are left out, want 1", n)
	}
	if err := e.stop(); err != nil {
		t.Error(err)
	}
}
