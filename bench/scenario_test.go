package main

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/pprof/profile"

	"pitwall/bench/report"
)

func TestScenariosAreRunnable(t *testing.T) {
	for _, s := range scenarios() {
		if err := s.plan.check(); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if n := len(s.plan.roster()); n != s.plan.Devices {
			t.Errorf("%s: %d entries for %d devices", s.name, n, s.plan.Devices)
		}
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
			p := plan{Connections: 1000, Events: 4, Zipf: tt.zipf}
			for _, part := range [][]int32{p.watch(), p.watch()[:500]} { // any part is like the whole
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

func TestSlope(t *testing.T) {
	var s []report.Sample
	for i := range 10 {
		s = append(s, report.Sample{T: float64(i), RSS: 100 + 3*float64(i)})
	}
	if got := slope(s, func(x report.Sample) float64 { return x.RSS }); math.Abs(got-3) > 1e-9 {
		t.Errorf("slope %v, want 3", got)
	}
}

// TestReadCPU works on a profile of four samples.
func TestReadCPU(t *testing.T) {
	fn := func(id uint64, name string) *profile.Function { return &profile.Function{ID: id, Name: name} }
	functions := []*profile.Function{fn(1, "internal/runtime/syscall/linux.Syscall6"), fn(2, "golang.org/x/sys/unix.Write"),
		fn(3, "pitwall/engine/live.(*output).write"), fn(4, "pitwall/shard.(*list[go.shape.int]).seal"), fn(5, "syscall.Syscall")}
	var locations []*profile.Location
	for i, f := range functions {
		locations = append(locations, &profile.Location{ID: uint64(i + 1), Line: []profile.Line{{Function: f}}})
	}
	write := []*profile.Location{locations[0], locations[4], locations[1], locations[2]}
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		Function: functions, Location: locations, Sample: []*profile.Sample{
			{Location: write, Value: []int64{6, 60}, Label: map[string][]string{"room": {"live server"}, "task": {"write"}}},
			{Location: locations[3:4], Value: []int64{3, 30}, Label: map[string][]string{"room": {"shards"}}},
			{Location: locations[2:3], Value: []int64{1, 10}},
		}}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	var got report.Profile
	if err := readCPU(&got, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got.Kernel != 0.6 || len(got.Rooms) != 3 || got.Rooms[0] != (report.Line{Name: "live server/write", Share: 0.6}) ||
		got.Top[0].Name != "system call of golang.org/x/sys/unix.Write" || got.Top[1].Name != "pitwall/shard.(*list).seal" {
		t.Errorf("got %+v", got)
	}
	if err := readCPU(&got, []byte("no profile")); err == nil {
		t.Error("what is no profile was read")
	}
}
