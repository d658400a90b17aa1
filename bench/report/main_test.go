package report

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reportOf makes a report with runs that have a figure.
func reportOf(key string, values ...float64) *Report {
	r := &Report{Scenario: "stadium", About: "one event <and> everybody in it"}
	for _, v := range values {
		r.Runs = append(r.Runs, Run{Valid: true, Figures: map[string]float64{key: v},
			Curve:   []Point{{0, 1}, {50, 5}, {90, 9}, {99, v}, {100, 2 * v}},
			Samples: []Sample{{T: 1, P50: 5, P99: v, Deliveries: 1000}, {T: 2, P50: 6, P99: v, Deliveries: 1100}}})
	}
	return r
}
