package main

import (
	"fmt"
	"math"
	"time"
)

// plan is the size of a load: what is published, who watches, for how long.
type plan struct {
	Connections int
	Events      int
	Devices     int
	Rate        float64 // records a second, over all devices
	Zipf        float64 // exponent of the events' popularity; 0: all alike
	Slow        float64 // percent of the connections that read slowly
	SlowRate    int     // bytes a second that each of them reads
	Interval    int     // ms between updates that clients ask for
	Batch       bool    // clients ask for many positions in a frame
	CheckEvery  int     // of so many spectators one checks what it is sent
	Engines     int
	Window      time.Duration // flush window of the engines
	Connect     time.Duration // over which the connections are opened
	Warmup      time.Duration
	Duration    time.Duration      // of the steady phase, which is measured
	Over        time.Duration      // herd: all are back within; roster: between two changes
	StartLine   bool               // herd: nobody is there before, all come within Over
	Archive     bool               // PostgreSQL, and the engine writes to it
	Attack      map[string]float64 // siege: sizes of attacks other than their own
}

// scenario is a load with a meaning.
type scenario struct {
	name, about string
	plan        plan
	// during is what happens in the steady phase beside the publishing.
	during func(r *run) error
	// overload says that more is sent than can be carried: positions may be
	// lost to trimming, and being late is no fault of the publisher's.
	overload bool
	roving   bool // devices change events
	postgres bool // also without the archive
	guarded  bool // only who has a token is let in
}

// standard is the plan that the scenarios differ from.
func standard() plan {
	return plan{
		Connections: 2000, Events: 1, Devices: 200, Rate: 40, Engines: 1, CheckEvery: 1,
		Window: 100 * time.Millisecond, Connect: 2 * time.Second,
		Warmup: 2 * time.Second, Duration: 10 * time.Second,
	}
}

// scenarios are all there are, in the order of the list.
func scenarios() []scenario {
	with := func(change func(*plan)) plan {
		p := standard()
		change(&p)
		return p
	}
	season := func(p *plan) { p.Events, p.Devices, p.Rate, p.Zipf = 50, 5000, 1500, 1 }
	return []scenario{
		{name: "stadium", about: "one event and everybody in it", plan: standard()},
		{name: "season", about: "many events, a few of them popular (Zipf)", plan: with(season)},
		{name: "herd", about: "all connections drop and come back within seconds, snapshots included; with --start-line all come for the first time",
			plan:   with(func(p *plan) { p.Connections, p.Devices, p.Rate, p.Over = 4000, 1000, 200, 5*time.Second }),
			during: herd},
		{name: "drip", about: "very slow readers among fast ones",
			// A tenth of what the event sends; long enough for rings to fill and drain.
			plan: with(func(p *plan) {
				p.Devices, p.Rate, p.Slow, p.SlowRate = 50, 200, 1, 5000
				p.Warmup, p.Duration = 8*time.Second, 20*time.Second
			})},
		{name: "sparse", about: "as many connections as descriptors allow, mostly idle",
			plan: with(func(p *plan) {
				p.Connections, p.Events, p.Devices, p.Rate, p.Connect = 19500, 200, 1000, 50, 10*time.Second
			})},
		{name: "flood", about: "more records than can be carried, to see what gives first", overload: true,
			plan: with(func(p *plan) { p.Connections, p.Events, p.Devices, p.Rate = 500, 50, 20000, 200_000 })},
		{name: "roster", about: "entries change their event again and again, under load", during: moveEntries, roving: true, postgres: true,
			plan: with(func(p *plan) { p.Events, p.Devices, p.Rate, p.Over = 10, 1000, 500, time.Second })},
		{name: "archive", about: "rows a second into PostgreSQL, and how far behind",
			plan: with(func(p *plan) { p.Connections, p.Devices, p.Rate, p.Archive = 50, 5000, 5000, true })},
		{name: "siege", about: "attackers of every kind, in turn and then all at once, while spectators watch", during: besiege, guarded: true,
			plan: with(func(p *plan) { p.Connections, p.Duration = 1000, 75*time.Second })},
		{name: "soak", about: "hours of a moderate load: does memory, the number of goroutines or the latency drift?",
			plan: with(func(p *plan) {
				season(p)
				p.Rate, p.Connections, p.Archive, p.Duration = 300, 1000, true, 4*time.Hour
			})},
	}
}

// find returns a scenario by its name.
func find(name string) (scenario, error) {
	for _, s := range scenarios() {
		if s.name == name {
			return s, nil
		}
	}
	return scenario{}, fmt.Errorf("there is no scenario %q: see bench list", name)
}

// firstDevice is the first device of an event; they are spread in blocks.
func (p *plan) firstDevice(event int) int { return event * p.Devices / p.Events }

// watch gives each connection its event, by popularity. Neighbours watch
// different events, so that any part of the connections is like the whole.
func (p *plan) watch() []int32 {
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
