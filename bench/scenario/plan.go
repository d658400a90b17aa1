package scenario

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/spectators"
)

// Prefixes of the ids of events and devices; the number follows.
const (
	EventPrefix  = "bench-"
	DevicePrefix = "bench-d"
)

// EventName is the id of event i.
func EventName(i int) string { return EventPrefix + strconv.Itoa(i) }

// Plan is the size of a load: what is published, who watches, for how long.
type Plan struct {
	Connections int
	Events      int
	Devices     int
	Rate        float64 // records a second, over all devices
	Zipf        float64 // exponent of the events' popularity; 0: all alike
	Slow        float64 // percent of the connections that read slowly
	SlowRate    int     // bytes a second that each of them reads
	Interval    int     // ms between updates that clients ask for
	Batch       bool    // clients ask for many positions in a frame
	CheckEvery  int     // one of so many spectators checks what it is sent
	Engines     int
	Window      time.Duration // flush window of the engines
	Connect     time.Duration // over which the connections are opened
	Warmup      time.Duration
	Duration    time.Duration      // of the steady phase, which is measured
	Over        time.Duration      // herd: all are back within; roster: between two changes
	StartLine   bool               // herd: nobody is connected before, all come within Over
	Archive     bool               // PostgreSQL, and the engine writes to it
	Attack      map[string]float64 // siege: sizes of attacks other than their own
}

// FirstDevice is the first device of an event. Events have contiguous blocks of
// devices.
func (p *Plan) FirstDevice(event int) int { return event * p.Devices / p.Events }

// Watch gives each connection its event, by popularity. Neighbours watch
// different events, so that any part of the connections is like the whole.
func (p *Plan) Watch() []int32 {
	weights := make([]float64, p.Events)
	total := 0.0
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -p.Zipf)
		total += weights[i]
	}
	list := make([]int32, p.Connections)
	credit := make([]float64, p.Events)
	for c := range list {
		best := 0
		for e := range credit {
			credit[e] += weights[e] / total
			if credit[e] > credit[best] {
				best = e
			}
		}
		credit[best]--
		list[c] = int32(best)
	}
	return list
}

// Check names a size that no run can have.
func (p *Plan) Check() error {
	rule, least := func(broken bool, format string, v ...any) flagcheck.Rule {
		return flagcheck.Rule{Broken: broken, Text: fmt.Sprintf(format, v...)}
	}, flagcheck.AtLeast[int]
	return flagcheck.First(
		least("connections", p.Connections, 1), least("events", p.Events, 1), least("engines", p.Engines, 1),
		least("check-every", p.CheckEvery, 1),
		rule(p.Devices < p.Events, "--devices is %d, at least is one for each of the %d of --events", p.Devices, p.Events),
		rule(p.Rate <= 0, "--rate is %v records a second, wanted are more than none", p.Rate),
		rule(p.Rate/float64(p.Devices) > 500, "--rate is %.0f records a second of %d devices: two of one device would share a millisecond, use more --devices", p.Rate, p.Devices),
		rule(p.Connections > p.Engines*spectators.MostClients, "--connections is %d: a process of Pitwall takes %d, as its descriptors end, use more --engines", p.Connections, spectators.MostClients),
		flagcheck.AtLeast("zipf", p.Zipf, 0), least("interval", p.Interval, 0), flagcheck.AtLeast("slow", p.Slow, 0),
		rule(p.Slow > 100, "--slow is %v percent", p.Slow),
		rule(p.Slow > 0 && p.SlowRate < 1, "--slow-rate is %d bytes a second, wanted are more than none for those of --slow", p.SlowRate),
		flagcheck.AtLeast("window", p.Window, 0), flagcheck.AtLeast("connect", p.Connect, 0), flagcheck.AtLeast("warmup", p.Warmup, 0),
		flagcheck.AtLeast("duration", p.Duration, time.Second),
	)
}

// CheckPlan names a size that means nothing to the scenario.
func (s *Scenario) CheckPlan(p *Plan) error {
	return flagcheck.First(
		flagcheck.Rule{Broken: p.StartLine && s.Name != "herd", Text: "--start-line is for the scenario herd"},
		flagcheck.Rule{Broken: p.Over != 0 && s.Plan.Over == 0, Text: "--over is for the scenarios herd and roster"},
		flagcheck.Rule{Broken: p.Over <= 0 && s.Plan.Over > 0, Text: fmt.Sprintf("--over is %v, wanted is more", p.Over)},
		flagcheck.Rule{Broken: len(p.Attack) > 0 && !s.Guarded, Text: "--attack is for the scenario siege"},
	)
}
