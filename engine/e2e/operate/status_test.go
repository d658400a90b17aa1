package operate

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pitwall/engine/admin/monitor"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/ops"
)

// status runs the command status.
func status(t *testing.T, addr string) (text string, r ops.Report) {
	t.Helper()
	var out bytes.Buffer
	if err := monitor.Status(t.Context(), target(addr, ""), false, &out); err != nil {
		t.Fatal(err)
	}
	text = out.String()
	out.Reset()
	if err := monitor.Status(t.Context(), target(addr, ""), true, &out); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return text, r
}

// status shows what runs through a process, as text and as JSON.
func TestStatus(t *testing.T) {
	s := e2etest.NewStack(t, 2)
	e := s.Start("--simulate=20", "--simulate-in-database", "--instance-id=one")
	for range 3 {
		c, _, err := e2etest.Connect(e.HTTP, "", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Send(`{"type":"subscribe","topic":"event:demo"}`); err != nil {
			t.Fatal(err)
		}
	}
	var text string
	var r ops.Report
	s.Eventually("records, positions and rows flow", func() bool {
		text, r = status(t, e.Ops)
		return r.Rates.Records > 0 && r.Rates.Positions > 0 && r.Rates.Rows > 0 && r.Subscriptions == 3 && r.Devices >= 20 && r.OrphanDevices > 0 && strings.Contains(text, " records/s in, ")
	})
	if !r.Ready || r.Instance != "one" || r.Connections != 3 || r.Devices < 20 || r.RateSeconds <= 0 || len(r.Lags) != 2 || r.WindowMS == 0 {
		t.Errorf("report %+v", r)
	}
	if len(r.Topics) != 1 || r.Topics[0].Event != "demo" || r.Topics[0].Devices != 20 || r.Topics[0].Spectators != 3 {
		t.Errorf("topics %+v", r.Topics)
	}
	// A spectator gets every position of the event: three positions leave for each one
	// that comes in.
	if out, in := r.Rates.Positions, r.Rates.Records; out > 4*in {
		t.Errorf("%.1f positions/s to three spectators of %.1f records/s", out, in)
	}
	for _, want := range []string{"ready\ninstance one, up ", " records/s in, ", "live of telemetry:t: ", "archive of telemetry:t: ", "connections   3 connections, 3 subscriptions\n",
		"in no event\n", "\nparts\n  ok ", "redis", " since 2", "topics by spectators\n  3  event:demo  20 devices\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	s.Redis.Stop()
	s.Eventually("the fault is shown", func() bool {
		text, r = status(t, e.Ops)
		return strings.Contains(text, "  degraded") && strings.Contains(text, "connection refused")
	})
	s.Redis.Start()
	s.Eventually("the recovery", func() bool { return e.Well(t) })
}

// A process that runs only the archive has its rates and lag.
func TestStatusOfAnArchive(t *testing.T) {
	e := e2etest.Start(t, "--no-live", "--simulate=1")
	text, r := status(t, e.Ops)
	if len(r.Lags) != 1 || r.Lags[0].Reader != "archive" || r.Connections != 0 || !strings.Contains(text, "topics by spectators\n  none\n") {
		t.Errorf("%+v\n%s", r, text)
	}
}
