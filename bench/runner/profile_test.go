package runner

import (
	"bytes"
	"testing"

	"github.com/google/pprof/profile"

	"pitwall/bench/report"
)

// TestReadCPU: a small profile is read by function and by component.
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
			{Location: write, Value: []int64{6, 60}, Label: map[string][]string{"component": {"live server"}, "task": {"write"}}},
			{Location: locations[3:4], Value: []int64{3, 30}, Label: map[string][]string{"component": {"shards"}}},
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
	if got.Kernel != 0.6 || len(got.Components) != 3 || got.Components[0] != (report.Line{Name: "live server/write", Share: 0.6}) ||
		got.Top[0].Name != "system call of golang.org/x/sys/unix.Write" || got.Top[1].Name != "pitwall/shard.(*list).seal" {
		t.Errorf("got %+v", got)
	}
	if err := readCPU(&got, []byte("no profile")); err == nil {
		t.Error("an invalid profile gave no error")
	}
}
