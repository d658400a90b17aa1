package scenario

import (
	"math"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScenariosAreRunnable(t *testing.T) {
	for _, s := range All() {
		if err := s.Plan.Check(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// TestSizesAreThoseOfAPlan: each flag sets the field of its name.
func TestSizesAreThoseOfAPlan(t *testing.T) {
	var s Sizes
	flags := reflect.ValueOf(&s).Elem()
	for f, v := range flags.Fields() {
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(f.Type.Elem()))
		}
	}
	p := standard()
	s.Apply(&p)
	if diff := cmp.Diff(Plan{}, p); diff != "" {
		t.Errorf("with every flag at its zero value (-want +got):\n%s", diff)
	}
	s.Attack = map[string]float64{"tokens": 1}
	if s.Apply(&p); p.Attack["tokens"] != 1 {
		t.Errorf("attacks %v, want those of the flag", p.Attack)
	}
}

func TestWatchFollowsPopularity(t *testing.T) {
	tests := []struct {
		name string
		zipf float64
		want []float64 // share of the first events
	}{
		{"all alike", 0, []float64{0.25, 0.25, 0.25, 0.25}},
		{"harmonic", 1, []float64{0.48, 0.24, 0.16, 0.12}},
		{"steep", 2, []float64{0.702, 0.176, 0.078, 0.044}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Plan{Connections: 1000, Events: 4, Zipf: tt.zipf}
			for _, part := range [][]int32{p.Watch(), p.Watch()[:500]} { // any part is like the whole
				counts := make([]float64, 4)
				for _, e := range part {
					counts[e] += 1 / float64(len(part))
				}
				for e, want := range tt.want {
					if math.Abs(counts[e]-want) > 0.01 {
						t.Errorf("of %d clients the share of event %d is %.3f, want %.3f", len(part), e, counts[e], want)
					}
				}
			}
		})
	}
}
