package runner

import (
	"io"
	"testing"
)

// TestAgainstNone: both runs are made, and only one of them archives. Its table has
// everything that was published.
func TestAgainstNone(t *testing.T) {
	c := command(t, "archive", "--against-none", "--connections=5", "--rate=500", "--duration=2s", "--warmup=200ms", "--connect=50ms")
	rep, err := c.Measure(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Runs) != 1 || len(rep.Without) != 1 || len(rep.Costs()) == 0 {
		t.Fatalf("%d runs with the archive, %d without, costs %v; want one of each, compared", len(rep.Runs), len(rep.Without), rep.Costs())
	}
	run := rep.Runs[0]
	if run.Figures["archive_rows_per_s"] == 0 || len(run.Notes) > 0 || run.Breaches() > 0 {
		t.Errorf("%.0f rows/s, notes %q, broken %q; want rows, and all of them", run.Figures["archive_rows_per_s"], run.Notes, run.Broken)
	}
	on, off := run.Figures, rep.Without[0].Figures
	if n := on["archive_bytes_per_row"]; n < 50 || n > 2000 || on["postgres_us_per_row"] <= 0 {
		t.Errorf("%.0f bytes and %.1f µs a row, want those of a row", n, on["postgres_us_per_row"])
	}
	if _, ok := off["archive_rows_per_s"]; ok || off["deliveries_per_s"] == 0 {
		t.Errorf("with the archive off the figures are %v, want deliveries and no rows", off)
	}
}

// TestAgainstNoneNeedsAnArchive that bench starts.
func TestAgainstNoneNeedsAnArchive(t *testing.T) {
	for _, args := range [][]string{
		{"stadium", "--against-none"},
		{"archive", "--against-none", "--ramp=rate"},
		{"archive", "--against-none", "--target=ws://127.0.0.1:1/live"},
	} {
		if _, err := command(t, args...).Measure(t.Context(), io.Discard); err == nil {
			t.Errorf("bench %q gave no error", args)
		}
	}
}
