package admin

import (
	"strings"
	"testing"
	"time"
)

// The forecast is near what was measured (bench/README.md, Results).
func TestSizeMatchesTheResults(t *testing.T) {
	const window = 100 * time.Millisecond
	for _, tt := range []struct {
		scenario string
		load     Load
		cores    float64
	}{
		{"stadium", Load{Spectators: 2000, Devices: 200, Rate: 0.2, Events: 1, Window: window}, 0.23},
		{"season", Load{Spectators: 2000, Devices: 5000, Rate: 0.3, Events: 50, Window: window}, 0.52},
		{"herd", Load{Spectators: 4000, Devices: 1000, Rate: 0.2, Events: 1, Window: window}, 0.67},
		{"sparse", Load{Spectators: 19500, Devices: 200, Rate: 0.25, Events: 200, Window: window}, 0.13},
		{"flood", Load{Spectators: 500, Devices: 20_000, Rate: 5.65, Events: 50, Window: window}, 0.57},
	} {
		s, err := tt.load.Size()
		if err != nil {
			t.Fatal(err)
		}
		if ratio := s.Cores / tt.cores; ratio < 0.65 || ratio > 1.5 {
			t.Errorf("%s: %.2f cores are forecast, %.2f were measured", tt.scenario, s.Cores, tt.cores)
		}
	}
}

func TestSizeIsPrinted(t *testing.T) {
	var b strings.Builder
	l := Load{Spectators: 100_000, Devices: 5000, Rate: 1, Events: 1, Window: 100 * time.Millisecond, Archive: true}
	if err := PrintSize(l, &b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"records      5000/s", "500000000/s, in 1000000 writes/s", "100200", "GB per day of records"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	b.Reset()
	l.Archive, l.Window = false, 0
	if err := PrintSize(l, &b); err != nil || strings.Contains(b.String(), "table") {
		t.Errorf("without an archive %v is returned, and printed is\n%s", err, b.String())
	}
	for _, wrong := range []Load{{}, {Devices: 1}, {Devices: 1, Events: 1}, {Devices: 1, Events: 1, Rate: 1, Spectators: -1}} {
		if err := PrintSize(wrong, &b); err == nil {
			t.Errorf("%+v was accepted", wrong)
		}
	}
}
