package operate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/admin/monitor"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/ops"
)

// device runs the command device.
func device(t *testing.T, addr, id string) (text string, d ops.Device) {
	t.Helper()
	var out bytes.Buffer
	for _, asJSON := range []bool{false, true} {
		text = out.String()
		out.Reset()
		if err := monitor.Device(t.Context(), target(addr, ""), id, asJSON, &out); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return text, d
}

// Each device is explained: why it shows or does not, and what to do.
func TestDevicesAreExplained(t *testing.T) {
	s := e2etest.NewStack(t, 7)
	e := s.Start("--live-device-rate=1")
	now := time.Now().UnixMilli()
	record := func(device string, ts int64, more ...string) {
		s.Add(append([]string{"device_id", device, "ts", fmt.Sprint(ts), "lat", "47.25", "lon", "8.5"}, more...)...)
	}
	record(e2etest.Device(0), now)
	record(e2etest.Device(1), now+3_600_000)
	record(e2etest.Device(2), now, "faulty", "true")
	record("stranger", now)
	for i := range int64(5) {
		record(e2etest.Device(4), now+i)
	}
	record(e2etest.Device(5), now)
	s.Eventually("all is archived and read", func() bool {
		return s.Number("SELECT count(*) FROM positions") == 10 && e.Metric(t, "processor_live_records_total") == 10
	})
	s.SQL(fmt.Sprintf("UPDATE positions SET faulty = true WHERE device_id = '%s'", e2etest.Device(5)))
	s.Eventually("the mark takes effect", func() bool { return e.Metric(t, "processor_live_corrected_devices_total") == 1 })
	spectator, _, err := e2etest.Connect(e.HTTP, "", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer spectator.Close()
	if err := spectator.Send(`{"type":"subscribe","topic":"event:race"}`); err != nil {
		t.Fatal(err)
	}
	e.WantMetric(t, "processor_live_subscriptions", 1)

	for _, c := range []struct {
		id      string
		visible bool
		texts   []string // in the text
	}{
		{e2etest.Device(0), true, []string{"d-0000 shows\n  It is shown.\n", "events             race (1 spectator)\n", "orphan             no\n",
			"47.250000, 8.500000; time ", "clock              right\n", "limit              within\n", "faulty             0 newer in the table, 0 refused\n"}},
		{e2etest.Device(1), true, []string{"d-0001 shows\n  Its clock runs 1h0m0s ahead", "shown as ", "clock              ahead, by 1h0m0s\n"}},
		{e2etest.Device(2), false, []string{"d-0002 does not show\n", "faulty             1 newer"}},
		{e2etest.Device(3), false, []string{"d-0003 does not show\n  No record that could be shown has arrived", "events             race", "last shown         none\n", "clock              not known\n"}},
		{e2etest.Device(5), false, []string{"d-0005 does not show\n  Every position that is known was marked faulty", "faulty             1 newer in the table, 1 refused\n"}},
		{"stranger", false, []string{"stranger does not show\n  It takes part in no event", "events             none\n", "orphan             yes\n", "47.250000, 8.500000"}},
		{"nobody/\x1b[31m", false, []string{`nobody/\u001b[31m does not show`, "orphan             no\n"}},
	} {
		text, d := device(t, e.Ops, c.id)
		if d.Visible != c.visible || len(d.Reasons) == 0 || d.ID != c.id {
			t.Errorf("%s: %+v, want visible %t", c.id, d, c.visible)
		}
		for _, want := range c.texts {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", c.id, want, text)
			}
		}
	}
	// A position waits for a second at most, so more come until one is seen to wait.
	n := int64(5)
	s.Eventually("that a device beyond its limit is explained", func() bool {
		for range 3 {
			record(e2etest.Device(4), now+n)
			n++
		}
		text, d := device(t, e.Ops, e2etest.Device(4))
		return d.Visible && strings.Contains(text, "d-0004 shows\n  It sends more than LIVE_DEVICE_RATE") &&
			strings.Contains(text, "limit              beyond, a newer position waits\n")
	})
	if _, d := device(t, e.Ops, e2etest.Device(0)); d.Live == nil || d.Stored == nil || d.Live.Time.UnixMilli() != now || !d.Stored.Time.Equal(d.Live.Time) || d.Live.Lat != 47.25 {
		t.Errorf("live %+v, stored %+v", d.Live, d.Stored)
	}
}

// Without the database, a device is explained by what the live part knows. A process
// without a live part says so.
func TestDevicesWithoutAPart(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	proxy := s.ProxyDatabase()
	e := s.Start()
	s.Add("device_id", e2etest.Device(0), "lat", "1", "lon", "2")
	e.WantMetric(t, "processor_live_devices", 1)
	proxy.Stall()
	if text, d := device(t, e.Ops, e2etest.Device(0)); !d.Visible || d.StoredError == "" || !strings.Contains(text, "last in the table  not known: ") {
		t.Errorf("without the database: %s", text)
	}
	proxy.Resume()
	a := s.Start("--no-live")
	if text, d := device(t, a.Ops, e2etest.Device(0)); d.Visible || !strings.Contains(text, "LIVE_ENABLED") {
		t.Errorf("without the live part: %s", text)
	}
}
