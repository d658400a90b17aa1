package attack

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of attack.
type Kind struct {
	Name, About string
	Held        bool    // Load is the number of connections held open; otherwise attacks per second
	Load        float64 // default, of all processes together
	Apart       bool    // its phase does not share the duration of the plan, but comes on top of it

	// Refusals are the signs that the server refuses the attack: prefixes of
	// answers, or of metrics that grow under no other kind.
	Refusals []string

	most         int           // attackers, of a kind with a rate
	stay         time.Duration // of a kind with a rate: how long a connection stays, and so how many attackers it needs
	pace         time.Duration // of a kind that holds connections: time between two attempts; 0: a second
	burst        int           // attacks per attempt
	answerWithin time.Duration // without an answer for so long the attacker reconnects, which costs the server more than a late answer; 0: waitLimit
	requests     int           // number of requests in a burst that count for the request limit of a connection
	attempt      func(*attacker)
}

// Kinds are all kinds, in the order in which they run.
func Kinds() []Kind {
	return []Kind{
		{Name: "slow", About: "handshakes of a byte a second", Held: true, Load: 800, attempt: (*attacker).dripRequest,
			Refusals: []string{"closed", "reset"}},
		{Name: "halfopen", About: "connections that send nothing, half of them from one address", Held: true, Load: 1600, attempt: (*attacker).hold,
			Refusals: []string{"closed", "reset", `processor_live_refusals_total{reason="http_connections`}},
		{Name: "deaf", About: "spectators that never read", Held: true, Load: 300, attempt: (*attacker).neverRead,
			Refusals: []string{`processor_live_closes_total{code="4408"`, "processor_live_ring_overflows_total"}},
		{Name: "messages", About: "a flood of requests", Load: 20_000, most: 64, burst: 16, requests: 12, attempt: (*attacker).flood,
			Refusals: []string{"error rate_limited", "close 1008"}},
		{Name: "topics", About: "a flood of subscribes and unsubscribes", Load: 5_000, most: 16, burst: 16, requests: 16, attempt: (*attacker).subscribeAgain,
			Refusals: []string{"error rate_limited", "close 1008"}},
		{Name: "bombs", About: "frames of 4 KB that inflate to 4 MB", Load: 200, most: 32, burst: 1, attempt: (*attacker).sendBomb,
			Refusals: []string{"close 1009"}},
		{Name: "headers", About: "headers of 64 KB", Load: 500, most: 32, burst: 1, attempt: (*attacker).sendLongHeader,
			Refusals: []string{"431"}},
		{Name: "tokens", About: "wrong tokens", Load: 10_000, most: 512, burst: 16, answerWithin: time.Second, attempt: (*attacker).useWrongTokens,
			Refusals: []string{"401"}},
		{Name: "frames", About: "frames that break RFC 6455", Load: 200, most: 32, burst: 1, attempt: (*attacker).sendMalformed,
			Refusals: []string{"close 1002", "close 1007", "close 1009"}},
		{Name: Sessions, About: "new sessions that ask for 60 events each, while the access of spectators is withdrawn", Load: 50, Apart: true, burst: 1, stay: 10 * time.Second,
			attempt: (*attacker).openSession, Refusals: []string{"error forbidden", "error internal", "429"}},
		{Name: Pings, About: "thousands of pings per connection, whose answers are hardly read", Held: true, Load: 400, Apart: true, pace: 250 * time.Millisecond,
			attempt: (*attacker).pingUnread, Refusals: []string{"paused", "error rate_limited"}},
		{Name: "events", About: "/events.json without a token, as fast as possible", Load: 20_000, Apart: true, most: 512, burst: 16, answerWithin: time.Second, attempt: (*attacker).listEvents,
			Refusals: []string{"429", "200"}},
	}
}

// Kinds that have a measurement of their own.
const (
	Sessions = "sessions"
	Pings    = "pings"
)

// Idle is how long an attacker of the kind pings is silent after it has connected,
// so that the memory of the connection can be told from that of the pings.
const Idle = 3 * time.Second

// Find returns the kind with this name, or nil.
func Find(name string) *Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return &k
		}
	}
	return nil
}

// attackers is the number of attackers for a load, and the interval between two
// attempts of each.
func (k *Kind) attackers(load float64) (n int, interval time.Duration) {
	attempts := load / float64(max(1, k.burst)) // per second
	switch {
	case load <= 0:
		return 0, 0
	case k.Held:
		return int(math.Ceil(load)), cmp.Or(k.pace, time.Second)
	case k.stay > 0:
		n = int(math.Ceil(load * k.stay.Seconds()))
	default:
		n = max(1, min(k.most, int(attempts)))
	}
	return n, time.Duration(float64(n) / attempts * float64(time.Second))
}

// LimitedAfter is how long a process with this load makes requests until one of its
// connections exceeds the limit of the server, which is burst requests at once and rate
// per second. ok is false if no connection ever exceeds it. A kind that makes no requests
// counts as limited at once.
func (k *Kind) LimitedAfter(load, rate, burst float64) (after time.Duration, ok bool) {
	_, interval := k.attackers(load)
	for credit := burst; credit >= float64(k.requests); after += interval {
		left := min(burst, credit-float64(k.requests)+rate*interval.Seconds())
		if k.requests == 0 || left >= credit {
			return 0, k.requests == 0
		}
		credit = left
	}
	return after, true
}

// IsRefusal reports whether an answer, or a metric that has grown, shows that the server
// refuses the attack.
func (k *Kind) IsRefusal(text string) bool {
	return slices.ContainsFunc(k.Refusals, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}
