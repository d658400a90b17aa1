package health

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
)

// testRegistry is a Registry whose clock the test moves.
type testRegistry struct {
	*Registry
	log strings.Builder
	at  time.Time
}

func newTestRegistry() *testRegistry {
	b := &testRegistry{at: time.Unix(1000, 0)}
	b.Registry = New(slog.New(slog.NewTextHandler(&b.log, nil)))
	b.now = func() time.Time { return b.at }
	return b
}

func (b *testRegistry) pass(d time.Duration) { b.at = b.at.Add(d) }

func (b *testRegistry) lines(text string) int { return strings.Count(b.log.String(), text) }

func TestFaultsCountAfterTheirGrace(t *testing.T) {
	b := newTestRegistry()
	soon, late, never := b.Check("soon", 0), b.Check("late", 10*time.Second), b.Check("never", Never)
	if err := b.Ready(); err != nil {
		t.Fatalf("before any fault: %v", err)
	}
	never.Fault(errors.New("n"))
	late.Fault(errors.New("l"))
	b.pass(10*time.Second - 1)
	if err := b.Ready(); err != nil {
		t.Errorf("within the grace: %v", err)
	}
	b.pass(1)
	late.Fault(errors.New("newer reason")) // does not start the fault again
	soon.Fault(errors.New("s"))
	const want = "soon: s, for 0s; late: newer reason, for 10s"
	if err := b.Ready(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	late.OK()
	soon.Report(nil)
	b.pass(time.Hour)
	if err := b.Ready(); err != nil {
		t.Errorf("after the recovery: %v", err)
	}
}

func TestPartsMergeTheirChecks(t *testing.T) {
	b := newTestRegistry()
	begin := b.at
	one, two, other := b.Check("a", 0), b.Check("a", Never), b.Check("b", 0)
	_ = other
	b.pass(time.Second)
	two.Fault(errors.New("second"))
	want := []Status{{"a", Degraded, begin.Add(time.Second), "second"}, {"b", OK, begin, ""}}
	if diff := cmp.Diff(want, b.Parts()); diff != "" {
		t.Error(diff)
	}
	b.pass(time.Second)
	one.Fault(errors.New("first"))
	want[0] = Status{"a", Failed, begin.Add(time.Second), "first; second"}
	if diff := cmp.Diff(want, b.Parts()); diff != "" {
		t.Error(diff)
	}
	two.OK()
	one.OK()
	want[0] = Status{"a", OK, begin.Add(2 * time.Second), ""}
	if diff := cmp.Diff(want, b.Parts()); diff != "" {
		t.Error(diff)
	}
}

func TestEachChangeIsLoggedOnce(t *testing.T) {
	b := newTestRegistry()
	c := b.Check("redis", 0)
	c.OK() // no change
	for range 3 {
		c.Fault(errors.New("refused"))
	}
	c.OK()
	c.OK()
	if f, r := b.lines("part has a fault"), b.lines("part has recovered"); f != 1 || r != 1 {
		t.Errorf("%d faults and %d recoveries logged, want one of each:\n%s", f, r, &b.log)
	}
	for range 5 { // within the interval of the first
		c.Fault(errors.New("refused"))
		c.OK()
	}
	b.pass(time.Minute)
	c.Fault(errors.New("refused"))
	c.OK()
	if f, r := b.lines("part has a fault"), b.lines("part has recovered"); f != 2 || r != 2 {
		t.Errorf("%d faults and %d recoveries logged, want two of each:\n%s", f, r, &b.log)
	}
	if b.lines("times=6") != 1 {
		t.Errorf("the faults in between are not counted:\n%s", &b.log)
	}
}

func TestANilCheckIgnoresReports(*testing.T) {
	var c *Check
	c.Fault(errors.New("x"))
	c.OK()
	c.Report(nil)
}

func TestLagGrowsWhileItCannotBeMeasured(t *testing.T) {
	at := time.Unix(1000, 0)
	gauge := metrics.NewSet().NewGauge("lag", nil)
	l := NewLag(gauge)
	l.now = func() time.Time { return at }
	step := func(what string, after time.Duration, got func() time.Duration, want time.Duration) {
		t.Helper()
		at = at.Add(after)
		if d := got(); d != want || gauge.Get() != float64(want.Milliseconds()) {
			t.Errorf("%s: %v, shown %v, want %v", what, d, gauge.Get(), want)
		}
	}
	measured := func(d time.Duration) func() time.Duration {
		return func() time.Duration { l.Measured(d); return d }
	}
	step("no backlog", 0, measured(0), 0)
	step("no backlog before", 3*time.Second, l.Missed, 3*time.Second)
	step("longer", time.Second, l.Missed, 4*time.Second)
	step("a backlog", time.Second, measured(2*time.Second), 2*time.Second)
	step("the backlog remains", 5*time.Second, l.Missed, 7*time.Second)
	step("the backlog is gone", time.Second, measured(0), 0)
}
