package scenario

import (
	"cmp"
	"math"
	"strconv"
	"time"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/spectators"
)

// Prefixes of the ids of events and devices. The number follows.
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
	Rate        float64 // records per second, of all devices together
	Zipf        float64 // exponent of the popularity of events; 0: all alike
	Slow        float64 // percentage of connections that read slowly
	SlowRate    int     // bytes per second that each of these reads
	Interval    int     // minimum time between updates that clients ask for, ms
	Batch       bool    // clients ask for several positions per frame
	CheckEvery  int     // one of so many spectators checks what it receives
	Engines     int
	Window      time.Duration // flush window of the engines
	Connect     time.Duration // over which the connections are opened
	Warmup      time.Duration
	Duration    time.Duration      // of the steady phase, which is measured
	Over        time.Duration      // herd: all reconnect within; roster: between two changes
	StartLine   bool               // herd: nobody is connected before, all connect within Over
	Archive     bool               // PostgreSQL, and the engine writes to it
	Attack      map[string]float64 // siege: loads of attacks that differ from the default
}

// FirstDevice is the first device of an event. Events have contiguous blocks of
// devices.
func (p *Plan) FirstDevice(event int) int { return event * p.Devices / p.Events }

// Watch assigns an event to each connection, by popularity. Events alternate, so
// that any part of the connections is like the whole.
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

// Check returns an error for a value that no run can have.
func (p *Plan) Check() error {
	reject, least := flagcheck.Reject, flagcheck.AtLeast[int]
	return cmp.Or(
		least("connections", p.Connections, 1), least("events", p.Events, 1), least("engines", p.Engines, 1),
		least("check-every", p.CheckEvery, 1),
		reject(p.Devices < p.Events, "--devices is %d, the minimum is one for each of the %d of --events", p.Devices, p.Events),
		reject(p.Rate <= 0, "--rate is %v, it must be positive", p.Rate),
		reject(p.Rate/float64(p.Devices) > 500, "--rate is %.0f records per second of %d devices: two records of a device would share a millisecond, use more --devices", p.Rate, p.Devices),
		reject(p.Connections > p.Engines*spectators.MostClients, "--connections is %d: one process of Pitwall has descriptors for %d, use more --engines", p.Connections, spectators.MostClients),
		flagcheck.AtLeast("zipf", p.Zipf, 0), least("interval", p.Interval, 0), flagcheck.AtLeast("slow", p.Slow, 0),
		reject(p.Slow > 100, "--slow is %v, the maximum is 100 percent", p.Slow),
		reject(p.Slow > 0 && p.SlowRate < 1, "--slow-rate is %d, it must be positive with --slow", p.SlowRate),
		flagcheck.AtLeast("window", p.Window, 0), flagcheck.AtLeast("connect", p.Connect, 0), flagcheck.AtLeast("warmup", p.Warmup, 0),
		flagcheck.AtLeast("duration", p.Duration, time.Second),
	)
}

// CheckPlan returns an error for a value that has no meaning in the scenario.
func (s *Scenario) CheckPlan(p *Plan) error {
	reject := flagcheck.Reject
	return cmp.Or(
		reject(p.StartLine && s.Name != "herd", "--start-line is for the scenario herd"),
		reject(p.Over != 0 && s.Plan.Over == 0, "--over is for the scenarios herd and roster"),
		reject(p.Over <= 0 && s.Plan.Over > 0, "--over is %v, it must be positive", p.Over),
		reject(len(p.Attack) > 0 && !s.Guarded, "--attack is for the scenario siege"),
	)
}
