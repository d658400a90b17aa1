package faults

import (
	"fmt"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// Positions are marked faulty in the table. Every screen goes back to the last
// good one, newer positions still come, marks that are removed take effect, and
// a new process shows the same.
func TestFaultyPositionsAreTakenBack(t *testing.T) {
	const devices = 300
	s := newStack(t, devices)
	first, second := s.Start("--instance-id=one"), s.Start("--instance-id=two")
	screens := []*e2etest.Screen{
		s.Watch(first.HTTP, "plain", "", ""), s.Watch(first.HTTP, "batch", "?batch=1", ""),
		s.Watch(second.HTTP, "interval", "", `,"interval":250`),
	}
	from := time.Now().UnixMilli()
	newest := map[string]int64{}
	send := func(device int, ts int64) {
		s.Add(record(e2etest.Device(device), ts, device)...)
		newest[e2etest.Device(device)] = ts
	}
	for d := range devices {
		send(d, from)
		send(d, from+1)
	}
	s.WantScreens(newest, screens...)
	rows := func(n int) {
		t.Helper()
		s.Eventually("the rows", func() bool { return s.Number("SELECT count(*) FROM positions") == n })
	}
	rows(2 * devices)
	mark := func(faulty bool, where string) {
		t.Helper()
		s.SQL(fmt.Sprintf("UPDATE positions SET faulty = %v WHERE %s", faulty, where))
	}
	at := func(device int, ts int64) string {
		return fmt.Sprintf("device_id = '%s' AND ts = to_timestamp(%d / 1000.0)", e2etest.Device(device), ts)
	}

	mark(true, at(7, from+1))
	newest[e2etest.Device(7)] = from
	s.WantScreens(newest, screens...)
	send(7, from+2)
	s.WantScreens(newest, screens...)

	mark(true, at(8, from)+" OR "+at(8, from+1)) // no good point is left
	delete(newest, e2etest.Device(8))
	s.WantScreens(newest, screens...)

	// A burst: one statement for many rows, and many transactions for one row each.
	mark(true, fmt.Sprintf("device_id >= '%s' AND ts = to_timestamp(%d / 1000.0)", e2etest.Device(100), from+1))
	s.SQL(fmt.Sprintf(`DO $$ BEGIN FOR d IN 50..99 LOOP
		UPDATE positions SET faulty = true WHERE device_id = 'd-' || lpad(d::text, 4, '0') AND ts = to_timestamp(%d / 1000.0);
		COMMIT;
	END LOOP; END $$`, from+1))
	for d := 50; d < devices; d++ {
		newest[e2etest.Device(d)] = from
	}
	s.WantScreens(newest, screens...)

	mark(false, at(60, from+1))
	newest[e2etest.Device(60)] = from + 1
	s.WantScreens(newest, screens...)
	if n := first.Metric(t, "processor_archive_correction_failures_total"); n != 0 {
		t.Errorf("%d lookups failed", n)
	}

	third := s.Start("--instance-id=three")
	s.WantScreens(newest, s.Watch(third.HTTP, "after a restart", "", ""))
	send(8, from+3)
	rows(2*devices + 2)
	s.WantScreens(newest, screens...)

	// A mark made while the database cannot notify is seen once it can.
	s.PG.Stop()
	s.PG.Start()
	mark(true, at(8, from+3))
	delete(newest, e2etest.Device(8))
	s.WantScreens(newest, screens...)
}
