package runner

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"pitwall/bench/internal/pause"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// command parses a command line of bench run.
func command(t *testing.T, args ...string) *Command {
	t.Helper()
	c := &Command{binaries: &binaries}
	p, err := kong.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

// prepare prepares a run of a command line.
func prepare(t *testing.T, args ...string) *run {
	t.Helper()
	c := command(t, args...)
	sc, err := scenario.Find(c.Scenario)
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(&sc.Plan)
	r := newRun(t.Context(), c, sc, sc.Plan, io.Discard)
	r.ident, r.binaries = "test", c.binaries
	return r
}

// runWith makes a short run with an action in its steady phase.
func runWith(t *testing.T, during func(*run) error, args ...string) *report.Run {
	t.Helper()
	r := prepare(t, append([]string{"stadium", "--connections=20", "--duration=3s", "--warmup=200ms", "--connect=50ms"}, args...)...)
	r.action = during
	if err := r.do(); err != nil {
		t.Fatal(err)
	}
	return r.out
}

// TestStalledHarnessSaysSo suspends a process of spectators: nothing is lost, but the
// run is invalid.
func TestStalledHarnessSaysSo(t *testing.T) {
	out := runWith(t, func(r *run) error {
		pid := r.clients.workers[0].PID()
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		if err := pause.For(r.ctx, 2*mostStall); err != nil {
			return err
		}
		return syscall.Kill(pid, syscall.SIGCONT)
	})
	if why := strings.Join(out.Why, "; "); out.Valid || !strings.Contains(why, "process of spectators was busy or held up") {
		t.Errorf("valid %t, %q; want not valid, since a process of spectators was held up", out.Valid, why)
	}
	if n := out.Counts.Violations() + out.Missing; n > 0 {
		t.Errorf("%+v, %d missing: a suspended client loses nothing", out.Counts, out.Missing)
	}
}

// TestLatePublisherSaysSo suspends Redis, so that records cannot be sent when they are
// due.
func TestLatePublisherSaysSo(t *testing.T) {
	out := runWith(t, func(r *run) error {
		if err := syscall.Kill(r.stack.RedisPID(), syscall.SIGSTOP); err != nil {
			return err
		}
		err := pause.For(r.ctx, time.Second)
		if cerr := syscall.Kill(r.stack.RedisPID(), syscall.SIGCONT); cerr != nil {
			return cerr
		}
		return err
	})
	if why := strings.Join(out.Why, "; "); out.Valid || !strings.Contains(why, "the publisher was behind") {
		t.Errorf("valid %t, %q; want not valid, since the publisher was behind", out.Valid, why)
	}
	if p99 := out.Figures["latency_max_ms"]; p99 < 800 {
		t.Errorf("the longest latency is %.0f ms, want that of records that were due while Redis was suspended", p99)
	}
}

// TestOtherLoadSaysSo: with half of the records, the run is invalid, and so are figures
// that depend on the load.
func TestOtherLoadSaysSo(t *testing.T) {
	out := runWith(t, func(r *run) error {
		r.publisher.SetRate(r.plan.Rate / 2)
		return nil
	})
	if why := strings.Join(out.Why, "; "); out.Valid || !out.OtherLoad || !strings.Contains(why, "the publisher sent") ||
		!strings.Contains(out.StillTrue(), "nor rss_mb") {
		t.Errorf("valid %t, another load %t, %q, %q; want not valid, since too little was sent", out.Valid, out.OtherLoad, why, out.StillTrue())
	}
}

// TestRowsThatAreMissing: they break a promise, except in a ramp.
func TestRowsThatAreMissing(t *testing.T) {
	for _, tt := range []struct {
		ramp          string
		rows          int64
		broken, notes int
	}{{"", 10, 0, 0}, {"", 9, 1, 0}, {"", 11, 1, 0}, {rampRate, 9, 0, 1}} {
		var out report.Run
		r := &run{opt: &Command{Ramp: tt.ramp}, out: &out}
		r.compareRows(tt.rows, 10)
		if len(out.Broken) != tt.broken || len(out.Notes) != tt.notes || out.Breaches() != int64(tt.broken) {
			t.Errorf("ramp %q, %d rows of 10: broken %q, notes %q", tt.ramp, tt.rows, out.Broken, out.Notes)
		}
	}
}

// TestRampEndsWithCapacity: a ramp of two steps, both of which meet the objective.
func TestRampEndsWithCapacity(t *testing.T) {
	c := command(t, "stadium", "--connections=20", "--warmup=200ms", "--connect=50ms", "--ramp=connections", "--from=10", "--grow=2", "--step=1s", "--p99=2s")
	rep, err := c.Measure(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	r := &rep.Runs[0]
	if len(r.Ramp) != 2 || r.Ramp[1].Load != 20 || !strings.Contains(r.Capacity, "carries 20 spectators") {
		t.Errorf("steps %+v, %q; want 10 and 20 spectators, both possible", r.Ramp, r.Capacity)
	}
}

// TestRampThatBreaks: the figures are those of the spectators that are connected.
func TestRampThatBreaks(t *testing.T) {
	c := command(t, "stadium", "--connections=200", "--rate=100", "--warmup=200ms", "--connect=50ms", "--ramp=connections", "--from=10",
		"--step=1s", "--p99=500ms", "--max-cpu=0.0001")
	rep, err := c.Measure(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	r := &rep.Runs[0]
	if n := r.Figures["writes_per_window"]; len(r.Ramp) != 1 || n < 0.2 {
		t.Errorf("%d steps, %.2f writes per connection and window; want one step, and about one write: there are 10 spectators", len(r.Ramp), n)
	}
}

// TestRampOfTheRate: each step publishes at its rate, and the ramp ends when the engine
// needs more CPU time than allowed.
func TestRampOfTheRate(t *testing.T) {
	c := command(t, "stadium", "--connections=20", "--rate=2000", "--warmup=1s", "--connect=50ms", "--ramp=rate", "--from=200", "--grow=3",
		"--step=1s", "--p99=2s", "--max-cpu=0.001")
	rep, err := c.Measure(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	r := &rep.Runs[0]
	if len(r.Ramp) != 1 || r.Ramp[0].Kept || !strings.Contains(r.Capacity, "Not even 200 records/s") {
		t.Errorf("steps %+v, %q; want the first one missed for its CPU time", r.Ramp, r.Capacity)
	}
	for _, why := range r.Why {
		if strings.Contains(why, "publisher") {
			t.Errorf("not valid because %s, although a ramp may end early", why)
		}
	}
	if got, want := r.Ramp[0].Deliveries, 20*200.0; got < want/2 || got > 2*want {
		t.Errorf("%.0f deliveries/s in the first step, want %.0f", got, want)
	}
}

// TestEngines: spectators are spread over two processes of Pitwall, each of which reads
// everything.
func TestEngines(t *testing.T) {
	c := command(t, "sparse", "--connections=41", "--events=5", "--devices=20", "--rate=50", "--engines=2", "--duration=2s", "--warmup=200ms", "--connect=200ms")
	rep, err := c.Measure(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	r := &rep.Runs[0]
	if n := r.Breaches() + r.Counts.Refused + r.Counts.Lost; n > 0 || r.Counts.Deliveries < 41*20 {
		t.Errorf("%+v, %d missing; want every position for 41 spectators", r.Counts, r.Missing)
	}
	last := r.Samples[len(r.Samples)-1]
	if last.Connections != 41 || last.Window != 100 {
		t.Errorf("%.0f connections, window %.0f ms; want those of both processes, and 100", last.Connections, last.Window)
	}
}
