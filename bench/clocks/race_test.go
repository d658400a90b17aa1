package clocks

import (
	"os"
	"testing"
	"time"
)

func log(t *testing.T) func(string, time.Duration) {
	return func(what string, _ time.Duration) { t.Log(what) }
}

// TestRace is a race with all clocks that do not take minutes to be detected.
func TestRace(t *testing.T) {
	res, err := Run(t.Context(), Options{
		Duration: 30 * time.Second, Every: 200 * time.Millisecond, Leg: 5 * time.Second, Devices: 1, Spectators: 6,
		Allow: 5 * time.Second, Patience: 30 * time.Second, Say: log(t), StepsAt: stepsAt,
	})
	if err != nil {
		t.Fatal(err)
	}
	res.Print(os.Stderr)
	if want := 2 * len(streamNames()); res.Restarts != want {
		t.Errorf("%d restarts, want %d", res.Restarts, want)
	}
	for _, row := range res.Kinds {
		if row.Records == 0 {
			t.Errorf("no record of kind %s", row.Name)
		}
	}
	if n := res.Violations(); n > 0 {
		t.Errorf("screens were wrong %d times", n)
	}
}

// TestRaceFindsAFrozenDot: if the engine trusts every clock, the dot of a device whose
// clock is set back stands still. The race finds this, and no other fault.
func TestRaceFindsAFrozenDot(t *testing.T) {
	res, err := Run(t.Context(), Options{
		Duration: 10 * time.Second, Every: 100 * time.Millisecond, Leg: 3 * time.Second, Devices: 1, Spectators: 4,
		Allow: time.Second, Patience: 10 * time.Second, Say: log(t), Steady: true,
		Kinds: []string{"right", "ahead-corrected"}, Streams: []string{"true"}, EngineArgs: []string{"--live-future-tolerance-ms=86400000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range res.Kinds {
		frozen := row.Name == "ahead-corrected"
		if got := row.Faults[faultQuiet] > 0 && row.Worst > 1 && row.Faults[faultBehind] > 0; got != frozen || !frozen && row.violations() > 0 {
			t.Errorf("%s: %+v", row.Name, row)
		}
	}
	if len(res.Examples) == 0 {
		t.Error("there is no example")
	}
}
