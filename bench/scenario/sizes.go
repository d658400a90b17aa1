package scenario

import (
	"fmt"
	"reflect"
	"time"

	"pitwall/bench/report"
)

// Sizes are the flags that change the plan of a scenario. Each has the name of the
// field of Plan that it sets.
type Sizes struct {
	Connections *int           `help:"Connections."`
	Events      *int           `help:"Events; devices are spread over them evenly."`
	Devices     *int           `help:"Devices."`
	Rate        *float64       `help:"Records per second, of all devices together."`
	Zipf        *float64       `help:"Exponent of the popularity of events. 0: all alike."`
	Slow        *float64       `help:"Percentage of connections that read slowly."`
	SlowRate    *int           `help:"Bytes per second that each of these reads."`
	Interval    *int           `help:"Minimum time between two updates of a device that clients ask for, in ms."`
	Batch       *bool          `help:"Clients ask for several positions per frame."`
	CheckEvery  *int           `help:"One of so many spectators checks what it receives; the kernel discards what the others receive. For loads that need more cores for checking than there are. 1: all check."`
	Engines     *int           `help:"Processes of Pitwall; connections are spread over them."`
	Window      *time.Duration `help:"Flush window of the engines."`
	Connect     *time.Duration `help:"Time over which the connections are opened."`
	Warmup      *time.Duration `help:"Time of publishing before the measurement begins."`
	Duration    *time.Duration `help:"Length of the measurement."`
	Over        *time.Duration `help:"herd: time within which all reconnect. roster: time between two changes."`
	StartLine   *bool          `help:"herd: nobody is connected before, all connect within --over."`
	Archive     *bool          `help:"With PostgreSQL, and positions written to it."`

	Attack map[string]float64 `placeholder:"KIND=SIZE" help:"siege: load of an attack: attacks per second, or connections held. 0: leave it out. Kinds: see bench/attack."`
}

// Apply changes a plan.
func (s *Sizes) Apply(p *Plan) {
	plan := reflect.ValueOf(p).Elem()
	for f, v := range reflect.ValueOf(s).Elem().Fields() {
		if !v.IsZero() {
			plan.FieldByName(f.Name).Set(reflect.Indirect(v))
		}
	}
}

// Settings are the plan in words, without what is not used.
func (p *Plan) Settings() (list []report.Setting) {
	for _, x := range []struct {
		name  string
		value any
		used  bool
	}{
		{"connections", p.Connections, true},
		{"events", p.Events, true},
		{"devices", p.Devices, true},
		{"rate", fmt.Sprintf("%.0f/s", p.Rate), true},
		{"zipf", p.Zipf, p.Zipf > 0},
		{"slow", p.Slow, p.Slow > 0},
		{"slow-rate", fmt.Sprintf("%d/s", p.SlowRate), p.Slow > 0},
		{"interval", p.Interval, p.Interval > 0},
		{"batch", p.Batch, p.Batch},
		{"check-every", p.CheckEvery, p.CheckEvery > 1},
		{"engines", p.Engines, p.Engines > 1},
		{"window", p.Window, true},
		{"duration", p.Duration, true},
		{"over", p.Over, p.Over > 0},
		{"start-line", p.StartLine, p.StartLine},
		{"archive", p.Archive, p.Archive},
		{"attack", p.Attack, len(p.Attack) > 0},
	} {
		if x.used {
			list = append(list, report.Setting{Name: x.name, Value: fmt.Sprint(x.value)})
		}
	}
	return list
}
