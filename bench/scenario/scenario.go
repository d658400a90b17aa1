package scenario

import (
	"fmt"
	"time"
)

// Action is what happens in the steady phase in addition to the publishing.
type Action int

// The actions.
const (
	Steady   Action = iota // nothing
	Herd                   // all connections drop and reconnect
	Roster                 // devices change events
	Attacked               // attacks of every kind, one after the other and all at once
)

// Scenario is a named load.
type Scenario struct {
	Name, About string
	Plan        Plan
	Action      Action
	// Overload says that more is sent than can be handled: the stream may be trimmed
	// before positions are read, and a late publisher is not a fault.
	Overload bool
	Roving   bool // devices change events
	Postgres bool // with PostgreSQL, even without the archive
	Guarded  bool // only clients with a token are let in
}

// standard is the plan on which all scenarios are based.
func standard() Plan {
	return Plan{
		Connections: 2000, Events: 1, Devices: 200, Rate: 40, Engines: 1, CheckEvery: 1,
		Window: 100 * time.Millisecond, Connect: 2 * time.Second,
		Warmup: 2 * time.Second, Duration: 10 * time.Second,
	}
}

// All are the scenarios, in the order of bench list.
func All() []Scenario {
	with := func(change func(*Plan)) Plan {
		p := standard()
		change(&p)
		return p
	}
	season := func(p *Plan) { p.Events, p.Devices, p.Rate, p.Zipf = 50, 5000, 1500, 1 }
	return []Scenario{
		{Name: "stadium", About: "one event that everybody watches", Plan: standard()},
		{Name: "season", About: "many events, a few of them popular (Zipf)", Plan: with(season)},
		{Name: "herd", About: "all connections drop and reconnect within seconds, with snapshots; with --start-line all connect for the first time",
			Plan:   with(func(p *Plan) { p.Connections, p.Devices, p.Rate, p.Over = 4000, 1000, 200, 5*time.Second }),
			Action: Herd},
		{Name: "drip", About: "a few very slow readers among fast ones",
			// A slow client reads a tenth of what its event sends, long enough for its
			// queue to fill and drain several times.
			Plan: with(func(p *Plan) {
				p.Devices, p.Rate, p.Slow, p.SlowRate = 50, 200, 1, 5000
				p.Warmup, p.Duration = 8*time.Second, 20*time.Second
			})},
		{Name: "sparse", About: "as many connections as descriptors allow, mostly idle",
			Plan: with(func(p *Plan) {
				p.Connections, p.Events, p.Devices, p.Rate, p.Connect = 19500, 200, 1000, 50, 10*time.Second
			})},
		{Name: "flood", About: "more records than can be handled, to see what saturates first", Overload: true,
			Plan: with(func(p *Plan) { p.Connections, p.Events, p.Devices, p.Rate = 500, 50, 20000, 200_000 })},
		{Name: "roster", About: "entries change their event repeatedly, under load", Action: Roster, Roving: true, Postgres: true,
			Plan: with(func(p *Plan) { p.Events, p.Devices, p.Rate, p.Over = 10, 1000, 500, time.Second })},
		{Name: "archive", About: "rows per second into PostgreSQL, and the lag",
			Plan: with(func(p *Plan) { p.Connections, p.Devices, p.Rate, p.Archive = 50, 5000, 5000, true })},
		{Name: "siege", About: "attacks of every kind, one after the other and all at once, while spectators watch", Action: Attacked, Guarded: true,
			Plan: with(func(p *Plan) { p.Connections, p.Duration = 1000, 75*time.Second })},
		{Name: "soak", About: "hours of a moderate load: does memory, the number of goroutines or the latency drift?",
			Plan: with(func(p *Plan) {
				season(p)
				p.Rate, p.Connections, p.Archive, p.Duration = 300, 1000, true, 4*time.Hour
			})},
	}
}

// Find returns a scenario by its name.
func Find(name string) (Scenario, error) {
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
	}
	return Scenario{}, fmt.Errorf("there is no scenario %q: see bench list", name)
}
