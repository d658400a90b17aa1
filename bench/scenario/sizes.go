package scenario

import (
	"fmt"
	"time"

	"pitwall/bench/report"
)

// Sizes are the flags that change a scenario's plan.
type Sizes struct {
	Connections *int           `help:"Connections."`
	Events      *int           `help:"Events; devices are spread over them evenly."`
	Devices     *int           `help:"Devices."`
	Rate        *float64       `help:"Records a second, over all devices."`
	Zipf        *float64       `help:"Exponent of the events' popularity. 0: all alike."`
	Slow        *float64       `help:"Percent of the connections that read slowly."`
	SlowRate    *int           `help:"Bytes a second that each of them reads."`
	Interval    *int           `help:"Least time between two updates of a device that clients ask for, in ms."`
	Batch       *bool          `help:"Clients ask for many positions in a frame."`
	CheckEvery  *int           `help:"One of so many spectators checks what it is sent; the kernel throws away what the others are sent. For loads that would need more cores to be checked than there are. 1: all check."`
	Engines     *int           `help:"Processes of Pitwall; connections are spread over them."`
	Window      *time.Duration `help:"Flush window of the engines."`
	Connect     *time.Duration `help:"Over which the connections are opened."`
	Warmup      *time.Duration `help:"Published before the measuring begins."`
	Duration    *time.Duration `help:"How long is measured."`
	Over        *time.Duration `help:"herd: all are back within so long. roster: the time between two changes."`
	StartLine   *bool          `help:"herd: nobody is there before, all come within --over."`
	Archive     *bool          `help:"With PostgreSQL, and positions written to it."`

	Attack map[string]float64 `placeholder:"KIND=SIZE" help:"siege: how much of an attack, per second, or connections held. 0: none of it. Kinds: see bench/attack."`
}

// set takes a flag over when it was given.
func set[T any](to *T, flag *T) {
	if flag != nil {
		*to = *flag
	}
}

// Apply changes a plan.
func (s *Sizes) Apply(p *Plan) {
	set(&p.Connections, s.Connections)
	set(&p.Events, s.Events)
	set(&p.Devices, s.Devices)
	set(&p.Rate, s.Rate)
	set(&p.Zipf, s.Zipf)
	set(&p.Slow, s.Slow)
	set(&p.SlowRate, s.SlowRate)
	set(&p.Interval, s.Interval)
	set(&p.Batch, s.Batch)
	set(&p.CheckEvery, s.CheckEvery)
	set(&p.Engines, s.Engines)
	set(&p.Window, s.Window)
	set(&p.Connect, s.Connect)
	set(&p.Warmup, s.Warmup)
	set(&p.Duration, s.Duration)
	set(&p.Over, s.Over)
	set(&p.StartLine, s.StartLine)
	set(&p.Archive, s.Archive)
	p.Attack = s.Attack
}

// Settings are the plan in words, without what is not used.
func (p *Plan) Settings() (list []report.Setting) {
	add := func(name string, v any, used bool) {
		if used {
			list = append(list, report.Setting{Name: name, Value: fmt.Sprint(v)})
		}
	}
	add("connections", p.Connections, true)
	add("events", p.Events, true)
	add("devices", p.Devices, true)
	add("rate", fmt.Sprintf("%.0f/s", p.Rate), true)
	add("zipf", p.Zipf, p.Zipf > 0)
	add("slow", p.Slow, p.Slow > 0)
	add("slow-rate", fmt.Sprintf("%d/s", p.SlowRate), p.Slow > 0)
	add("interval", p.Interval, p.Interval > 0)
	add("batch", p.Batch, p.Batch)
	add("check-every", p.CheckEvery, p.CheckEvery > 1)
	add("engines", p.Engines, p.Engines > 1)
	add("window", p.Window, true)
	add("duration", p.Duration, true)
	add("over", p.Over, p.Over > 0)
	add("start-line", p.StartLine, p.StartLine)
	add("archive", p.Archive, p.Archive)
	add("attack", p.Attack, len(p.Attack) > 0)
	return list
}
