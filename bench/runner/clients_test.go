package runner

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pitwall/bench/internal/latency"
	"pitwall/bench/report"
	"pitwall/bench/spectators"
)

// statusOf is the output of a process of spectators with a status that has these waits,
// in µs.
func statusOf(t *testing.T, odd int64, waits ...int64) *bytes.Buffer {
	t.Helper()
	p := spectators.Status{Wait: latency.New(), Odd: odd}
	for _, us := range waits {
		p.Wait.Record(us)
	}
	b := new(bytes.Buffer)
	if err := json.NewEncoder(b).Encode(p); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestClientStage: the stage has the waits of all processes since the last measure. It
// is missing if the kernel provides no time stamps.
func TestClientStage(t *testing.T) {
	c := emptyClients()
	work := func() (got figures, notes []string) {
		r, got := &run{clients: c, out: new(report.Run)}, figures{}
		r.addClientStage(got, c.measured())
		return got, r.out.Notes
	}
	c.listen(new(worker), statusOf(t, 7, 900_000))
	if err := c.measure(time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	c.listen(new(worker), statusOf(t, 0))
	if got, notes := work(); len(got)+len(notes) != 0 {
		t.Errorf("figures %v and notes %q of processes that have reported nothing since the last measure", got, notes)
	}
	c.listen(new(worker), statusOf(t, 2, 1000))
	c.listen(new(worker), statusOf(t, 3, 3000, 3000))
	got, notes := work()
	if p50, p99 := got["stage_client_p50_ms"], got["stage_client_p99_ms"]; p50 < 3 || p50 > 3.01 || p99 != p50 {
		t.Errorf("p50 %v and p99 %v ms, want 3: of 1, 3 and 3 from two processes", p50, p99)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "5 reads") {
		t.Errorf("notes %q, want one that says that 5 reads were left out", notes)
	}
}
