package engine_test

import (
	"fmt"
	"testing"
	"time"
)

// The race office marks points faulty in the table: they leave every screen
// for the last good one, newer points still come, marks that were taken back
// come back, and a new process shows the same.
func TestFaultyPointsLeaveTheMap(t *testing.T) {
	const devices = 300
	s := newFaultSite(t, devices)
	first, second := s.start("--instance-id=one"), s.start("--instance-id=two")
	screens := []*faultScreen{
		s.watch(first.http, "plain", "", ""), s.watch(first.http, "batch", "?batch=1", ""),
		s.watch(second.http, "interval", "", `,"interval":250`),
	}
	from := time.Now().UnixMilli()
	newest := map[string]int64{}
	send := func(device int, ts int64) {
		s.add(faultRecord(faultDevice(device), ts, device)...)
		newest[faultDevice(device)] = ts
	}
	for d := range devices {
		send(d, from)
		send(d, from+1)
	}
	s.wantScreens(newest, screens...)
	rows := func(n int) {
		t.Helper()
		s.eventually("the rows", func() bool { return s.number("SELECT count(*) FROM positions") == n })
	}
	rows(2 * devices)
	mark := func(faulty bool, where string) {
		t.Helper()
		s.sql(fmt.Sprintf("UPDATE positions SET faulty = %v WHERE %s", faulty, where))
	}
	at := func(device int, ts int64) string {
		return fmt.Sprintf("device_id = '%s' AND ts = to_timestamp(%d / 1000.0)", faultDevice(device), ts)
	}

	mark(true, at(7, from+1))
	newest[faultDevice(7)] = from
	s.wantScreens(newest, screens...)
	send(7, from+2)
	s.wantScreens(newest, screens...)

	mark(true, at(8, from)+" OR "+at(8, from+1)) // no good point is left
	delete(newest, faultDevice(8))
	s.wantScreens(newest, screens...)

	// A burst: one statement, and many of one row each.
	mark(true, fmt.Sprintf("device_id >= '%s' AND ts = to_timestamp(%d / 1000.0)", faultDevice(100), from+1))
	for d := 50; d < 100; d++ {
		mark(true, at(d, from+1))
	}
	for d := 50; d < devices; d++ {
		newest[faultDevice(d)] = from
	}
	s.wantScreens(newest, screens...)

	mark(false, at(60, from+1))
	newest[faultDevice(60)] = from + 1
	s.wantScreens(newest, screens...)
	if n := first.metric(t, "processor_archive_correction_failures_total"); n != 0 {
		t.Errorf("%d lookups failed", n)
	}

	third := s.start("--instance-id=three")
	s.wantScreens(newest, s.watch(third.http, "after a restart", "", ""))
	send(8, from+3)
	rows(2*devices + 2)
	s.wantScreens(newest, screens...)

	// What was marked while nobody could be told is seen once somebody can.
	s.pg.Stop()
	s.pg.Start()
	mark(true, at(8, from+3))
	delete(newest, faultDevice(8))
	s.wantScreens(newest, screens...)
}
