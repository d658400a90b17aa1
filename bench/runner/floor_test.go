package runner

import (
	"io"
	"testing"
)

// TestFloorBesideARun: a run with --floor has the figures of the bare loop and the
// Broadcaster, and the ratios.
func TestFloorBesideARun(t *testing.T) {
	r := prepare(t, "season", "--connections=30", "--events=7", "--devices=50", "--rate=500", "--duration=2s", "--warmup=200ms",
		"--connect=100ms", "--floor")
	if err := r.do(); err != nil {
		t.Fatal(err)
	}
	r.out.Valid = false // tests share the machine: a disturbed run of a floor must not be left out
	if err := r.floor(); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"ratio_to_gws", "us_per_delivery_gws", "latency_ratio_to_bare", "latency_p99_ms_bare"} {
		if r.out.Figures[key] <= 0 {
			t.Errorf("%s is %v", key, r.out.Figures[key])
		}
	}
	if len(r.out.Notes) > 0 {
		t.Errorf("notes %q, want none", r.out.Notes)
	}
}

// TestFloorDelivers: the floors deliver the same position frames as Pitwall.
func TestFloorDelivers(t *testing.T) {
	for _, kind := range []string{"bare", "prompt", "broadcaster"} {
		out := runWith(t, nil, "--peer="+kind, "--events=3")
		if n := out.Breaches() + out.Counts.Refused + out.Counts.Lost; n > 0 || out.Counts.Deliveries < 20*40*2/3 {
			t.Errorf("%s: %+v, %d missing; want every position", kind, out.Counts, out.Missing)
		}
		if b := float64(out.Counts.Bytes) / float64(out.Counts.Deliveries); b < 245 || b > 275 {
			t.Errorf("%s: %.0f bytes per delivery, Pitwall has 253", kind, b)
		}
	}
}

// TestFloorIsRefused for runs that it cannot be compared with.
func TestFloorIsRefused(t *testing.T) {
	for _, args := range [][]string{{"herd"}, {"drip"}, {"archive"}, {"flood"}, {"sparse", "--engines=2"}, {"stadium", "--batch"},
		{"stadium", "--ramp=rate"}, {"stadium", "--peer=nats"}} {
		if _, err := command(t, append(args, "--floor")...).Measure(t.Context(), io.Discard); err == nil {
			t.Errorf("bench %q --floor gave no error", args)
		}
	}
}
