package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/report"
)

// room is what an attack gets beyond the time in which the engine could refuse
// the first of it: both may be held up.
const room = 500 * time.Millisecond

// What sockets of those who never read hold until the engine waits for them, as
// seen with TCP_NOTSENT_LOWAT as it is, and a position on the wire.
const (
	deafHolds     = 68_000 // B
	positionBytes = 254
)

// patience is how long the engine waits before it refuses, and how many requests
// it takes of a connection.
type patience struct {
	header, write time.Duration
	recheck       time.Duration // how often it asks again whether sessions may go on
	rate, burst   float64       // a second; at once
}

// siegePatience is that of the engine under siege, with its further flags.
func siegePatience(args []string) patience {
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
	return patience{header: ms("--http-header-timeout-ms", siegeHeaderTimeout), write: ms("--live-write-timeout-ms", siegeWriteTimeout), recheck: ms("--auth-recheck-ms", siegeRecheck),
		rate: float64(of("--live-request-rate", siegeRequestRate)), burst: float64(of("--live-request-burst", siegeRequestBurst))}
}

// checkSiege says that an attack could not be judged, since the engine would
// have had no time to refuse it: that it did not would be no fault of its own.
func (c *runCmd) checkSiege(sc scenario, p *plan) error {
	if !sc.guarded {
		return nil
	}
	if _, err := loads(p.Attack); err != nil {
		return err
	}
	wait := siegePatience(c.EngineArg)
	fault := p.unjudged(wait)
	if fault == "" {
		return nil
	}
	longer := *p
	for longer.Duration = p.Duration.Truncate(time.Second); longer.Duration < time.Hour; {
		if longer.Duration += time.Second; longer.unjudged(wait) == "" {
			return fmt.Errorf("--duration is %v, too short: %s; at least is %v, or make fewer attacks (--attack KIND=0)", p.Duration, fault, longer.Duration)
		}
	}
	return errors.New("however long --duration is: " + longer.unjudged(wait) + "; leave that attack out (--attack KIND=0)")
}

// unjudged says why some attack could not be judged, "" when all can be.
func (p *plan) unjudged(wait patience) string {
	d, _ := p.siege() // the names of attacks are known to be good
	if d.short < leastPhase {
		return report.Count(d.shared, "attack") + " alone and all at once, with a quiet phase before, need more"
	}
	const gap = 2 * stillness
	for i, name := range d.kinds {
		// Each is made twice, once alone and once with everything else.
		before := [2]time.Duration{
			p.Warmup + d.long + gap + time.Duration(i)*(d.short+gap),
			p.Warmup + d.long + gap + time.Duration(len(d.kinds))*(d.short+gap),
		}
		alone, why := p.refusedAfter(name, d.load[name], before[0], wait)
		among, whyAmong := p.refusedAfter(name, d.load[name], before[1], wait)
		if alone+room > d.short && among+room > d.long {
			if d.long > d.short {
				why = whyAmong
			}
			return fmt.Sprintf("the attack %s is under way for %v at most, and %s", name, max(d.short, d.long).Round(10*time.Millisecond), why)
		}
	}
	return ""
}

// never is beyond the end of every phase.
const never = 1000 * time.Hour

// refusedAfter is how long after its begin an attack can be refused, and why so
// late. before is for how long positions have been published then.
func (p *plan) refusedAfter(name string, load float64, before time.Duration, wait patience) (after time.Duration, why string) {
	switch name {
	case "slow", "halfopen":
		return wait.header, fmt.Sprintf("the engine waits for %v (--http-header-timeout-ms)", wait.header)
	case "deaf":
		fill := p.deafFull(before)
		if after = fill + wait.write; after > attack.DeafStay {
			return never, fmt.Sprintf("at this --rate the sockets of its event are full after %v and refused after %v more (--live-write-timeout-ms), when it has gone: it stays for %v",
				fill.Round(time.Second), wait.write, attack.DeafStay)
		}
		return after, fmt.Sprintf("the sockets of its event are full after %v and refused after %v more (--live-write-timeout-ms)",
			fill.Round(10*time.Millisecond), wait.write)
	case "messages", "topics":
		after, ok := attack.Find(name).LimitedAfter(load/armySize, wait.rate, wait.burst)
		if !ok {
			return never, fmt.Sprintf("no connection of it makes more than the %v requests a second that it may (--live-request-rate)", wait.rate)
		}
		return after, fmt.Sprintf("its connections have made more requests than they may after %v (--live-request-rate, --live-request-burst)", after.Round(10*time.Millisecond))
	}
	return 0, ""
}

// deafFull is how long it takes until somebody who does not read the first event
// has been sent what sockets hold: a snapshot of the devices that have sent
// something in the time before, then what they go on to send.
func (p *plan) deafFull(before time.Duration) time.Duration {
	devices := p.firstDevice(1)
	rate := p.Rate * float64(devices) / float64(p.Devices)
	snapshot := min(float64(devices), rate*before.Seconds()) * positionBytes
	seconds := max(0, deafHolds-snapshot) / (rate * positionBytes)
	return time.Duration(min(seconds, never.Seconds()) * float64(time.Second))
}
