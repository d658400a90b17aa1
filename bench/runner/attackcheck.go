package runner

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// margin is what an attack gets beyond the time in which the engine could refuse
// the first of it: both may be held up.
const margin = 500 * time.Millisecond

// What the sockets of a client that never reads hold until the engine waits for
// them, as seen with the default of TCP_NOTSENT_LOWAT, and a position on the
// wire.
const (
	socketHolds   = 68_000 // B
	positionBytes = 254
)

// limits are how long the engine waits before it refuses, and how many requests
// it takes of a connection.
type limits struct {
	header, write time.Duration
	recheck       time.Duration // how often it asks again whether sessions may go on
	rate, burst   float64       // a second; at once
}

// limitsOf are those of the engine under attack, with its further flags.
func limitsOf(args []string) limits {
	of := func(flag string, unless int) int {
		for i, a := range slices.Backward(args) { // the last one wins
			name, v, ok := strings.Cut(a, "=")
			if !ok && i+1 < len(args) {
				v = args[i+1]
			}
			if n, err := strconv.Atoi(v); name == flag && err == nil {
				return n
			}
		}
		return unless
	}
	ms := func(flag string, unless time.Duration) time.Duration {
		return time.Duration(of(flag, int(unless.Milliseconds()))) * time.Millisecond
	}
	return limits{header: ms("--http-header-timeout-ms", headerTimeout), write: ms("--live-write-timeout-ms", writeTimeout), recheck: ms("--auth-recheck-ms", recheckEvery),
		rate: float64(of("--live-request-rate", requestRate)), burst: float64(of("--live-request-burst", requestBurst))}
}

// checkAttacks names an attack whose refusal could not be seen, since the engine
// would have no time to refuse it. That would be no fault of the engine.
func (c *Command) checkAttacks(sc scenario.Scenario, p *scenario.Plan) error {
	if !sc.Guarded {
		return nil
	}
	if _, err := loads(p.Attack); err != nil {
		return err
	}
	l := limitsOf(c.EngineArg)
	fault := unseen(p, l)
	if fault == "" {
		return nil
	}
	longer := *p
	for longer.Duration = p.Duration.Truncate(time.Second); longer.Duration < time.Hour; {
		if longer.Duration += time.Second; unseen(&longer, l) == "" {
			return fmt.Errorf("--duration is %v, too short: %s; at least is %v, or make fewer attacks (--attack KIND=0)", p.Duration, fault, longer.Duration)
		}
	}
	return errors.New("however long --duration is: " + unseen(&longer, l) + "; leave that attack out (--attack KIND=0)")
}

// unseen says why the refusal of some attack could not be seen, "" when all can
// be.
func unseen(p *scenario.Plan, l limits) string {
	s, _ := newSchedule(p) // the names of attacks were checked
	if s.short < leastPhase {
		return report.Count(s.shared, "attack") + " alone and all at once, with a quiet phase before, need more"
	}
	const gap = 2 * stillness
	for i, name := range s.kinds {
		// Each is made twice, once alone and once with everything else.
		before := [2]time.Duration{
			p.Warmup + s.long + gap + time.Duration(i)*(s.short+gap),
			p.Warmup + s.long + gap + time.Duration(len(s.kinds))*(s.short+gap),
		}
		alone, why := refusedAfter(p, name, s.load[name], before[0], l)
		among, whyAmong := refusedAfter(p, name, s.load[name], before[1], l)
		if alone+margin > s.short && among+margin > s.long {
			if s.long > s.short {
				why = whyAmong
			}
			return fmt.Sprintf("the attack %s is under way for %v at most, and %s", name, max(s.short, s.long).Round(10*time.Millisecond), why)
		}
	}
	return ""
}

// never is beyond the end of every phase.
const never = 1000 * time.Hour

// refusedAfter is how long after its begin an attack can be refused, and why so
// late. before is for how long positions have been published by then.
func refusedAfter(p *scenario.Plan, name string, load float64, before time.Duration, l limits) (after time.Duration, why string) {
	switch name {
	case "slow", "halfopen":
		return l.header, fmt.Sprintf("the engine waits for %v (--http-header-timeout-ms)", l.header)
	case "deaf":
		fill := fillTime(p, before)
		if after = fill + l.write; after > attack.DeafStay {
			return never, fmt.Sprintf("at this --rate the sockets of its event are full after %v and refused after %v more (--live-write-timeout-ms), when it has gone: it stays for %v",
				fill.Round(time.Second), l.write, attack.DeafStay)
		}
		return after, fmt.Sprintf("the sockets of its event are full after %v and refused after %v more (--live-write-timeout-ms)",
			fill.Round(10*time.Millisecond), l.write)
	case "messages", "topics":
		after, ok := attack.Find(name).LimitedAfter(load/attackProcesses, l.rate, l.burst)
		if !ok {
			return never, fmt.Sprintf("no connection of it makes more than the %v requests a second that it may (--live-request-rate)", l.rate)
		}
		return after, fmt.Sprintf("its connections have made more requests than they may after %v (--live-request-rate, --live-request-burst)", after.Round(10*time.Millisecond))
	}
	return 0, ""
}

// fillTime is how long it takes until a client of the first event that never
// reads was sent what its sockets hold: a snapshot of the devices that have sent
// something in the time before, then what they go on to send.
func fillTime(p *scenario.Plan, before time.Duration) time.Duration {
	devices := p.FirstDevice(1)
	rate := p.Rate * float64(devices) / float64(p.Devices)
	snapshot := min(float64(devices), rate*before.Seconds()) * positionBytes
	seconds := max(0, socketHolds-snapshot) / (rate * positionBytes)
	return time.Duration(min(seconds, never.Seconds()) * float64(time.Second))
}
