package runner

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// margin is added to the time after which the engine can refuse an attack, since
// both may be held up.
const margin = 500 * time.Millisecond

const (
	// socketHolds is how many bytes the engine can write to a client that never
	// reads, observed with the default of TCP_NOTSENT_LOWAT.
	socketHolds = 68_000
	// positionBytes is the length of a position frame.
	positionBytes = 254
)

// limits are the time-outs and the request limit of the engine under attack.
type limits struct {
	header, write time.Duration
	recheck       time.Duration // interval at which it checks whether sessions may continue
	rate, burst   float64       // requests of a connection: per second, at once
}

// limitsOf are the limits with these additional flags.
func limitsOf(args []string) limits {
	of := func(flag string, value int) int {
		for i, a := range args { // the last flag wins
			name, v, ok := strings.Cut(a, "=")
			if !ok && i+1 < len(args) {
				v = args[i+1]
			}
			if n, err := strconv.Atoi(v); name == flag && err == nil {
				value = n
			}
		}
		return value
	}
	ms := func(flag string, value time.Duration) time.Duration {
		return time.Duration(of(flag, int(value.Milliseconds()))) * time.Millisecond
	}
	return limits{header: ms("--http-header-timeout-ms", headerTimeout), write: ms("--live-write-timeout-ms", writeTimeout),
		recheck: ms("--auth-recheck-ms", recheckEvery),
		rate:    float64(of("--live-request-rate", requestRate)), burst: float64(of("--live-request-burst", requestBurst))}
}

// checkAttacks returns an error if the engine would not have enough time to refuse an
// attack. The attack would then count as not refused, without a fault of the engine.
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
			return fmt.Errorf("--duration is %v, too short: %s; the minimum is %v, or make fewer attacks (--attack KIND=0)", p.Duration, fault, longer.Duration)
		}
	}
	return fmt.Errorf("with any --duration, %s; leave that attack out (--attack KIND=0)", unseen(&longer, l))
}

// unseen says which attack the engine would have no time to refuse, and why. It is "" if
// there is enough time for all of them.
func unseen(p *scenario.Plan, l limits) string {
	s, _ := newSchedule(p) // the names of attacks have been checked
	if s.short < leastPhase {
		return report.Count(s.shared, "attack") + " alone and all at once, with a quiet phase before, need more"
	}
	const gap = 2 * stillness
	for i, name := range s.kinds {
		// Each is made twice, once alone and once with all others.
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
			return fmt.Sprintf("the attack %s lasts %v at most, and %s", name, max(s.short, s.long).Round(10*time.Millisecond), why)
		}
	}
	return ""
}

// never is longer than any phase.
const never = 1000 * time.Hour

// refusedAfter is the time after which the engine can refuse an attack, and why it takes
// so long. before is how long positions have been published when the attack begins.
func refusedAfter(p *scenario.Plan, name string, load float64, before time.Duration, l limits) (after time.Duration, why string) {
	switch name {
	case "slow", "halfopen":
		return l.header, fmt.Sprintf("the engine waits for %v (--http-header-timeout-ms)", l.header)
	case "deaf":
		fill := fillTime(p, before)
		if after = fill + l.write; after > attack.DeafStay {
			return never, fmt.Sprintf("at this --rate a socket is full after %v and closed after %v more (--live-write-timeout-ms), but the attackers stay for %v only",
				fill.Round(time.Second), l.write, attack.DeafStay)
		}
		return after, fmt.Sprintf("a socket is full after %v and closed after %v more (--live-write-timeout-ms)",
			fill.Round(10*time.Millisecond), l.write)
	case "messages", "topics":
		after, ok := attack.Find(name).LimitedAfter(load/attackProcesses, l.rate, l.burst)
		if !ok {
			return never, fmt.Sprintf("none of its connections makes more than the %v requests per second that are allowed (--live-request-rate)", l.rate)
		}
		return after, fmt.Sprintf("its connections exceed their request limit after %v (--live-request-rate, --live-request-burst)", after.Round(10*time.Millisecond))
	}
	return 0, ""
}

// fillTime is how long it takes until the sockets are full for a client that watches the
// first event and never reads. The client gets a snapshot of the devices that have sent
// something before, and then their new positions. before is how long positions have been
// published.
func fillTime(p *scenario.Plan, before time.Duration) time.Duration {
	devices := p.FirstDevice(1)
	rate := p.Rate * float64(devices) / float64(p.Devices)
	snapshot := min(float64(devices), rate*before.Seconds()) * positionBytes
	seconds := max(0, socketHolds-snapshot) / (rate * positionBytes)
	return time.Duration(min(seconds, never.Seconds()) * float64(time.Second))
}
