package attack

import (
	"math"
	"strings"
	"time"
)

// Kind is one way to attack.
type Kind struct {
	Name, About string
	Held        bool    // Load is connections that are held open; otherwise attacks per second
	Load        float64 // by default, of all processes together
	Apart       bool    // its phase alone comes on top of the duration that the others share

	// Met says what shows that the server has met the attack: the beginnings of
	// answers, or of the names of metrics that no other kind makes grow.
	Met []string

	most         int           // attackers of a kind that is a rate
	stay         time.Duration // how long each connection of a rate stays, which says how many attackers it needs
	pace         time.Duration // of those that are held, between two attempts; 0: a second
	burst        int           // attacks of one attempt
	answerWithin time.Duration // longest wait for an answer, after which the attacker connects again; 0: waitLimit
	requests     int           // of them, which count for the limit of a connection
	attempt      func(*attacker)
}

// Kinds are all there are, in the order in which they are made.
func Kinds() []Kind {
	return []Kind{
		{Name: "slow", About: "handshakes of a byte a second", Held: true, Load: 800, attempt: (*attacker).dripHandshake,
			Met: []string{"closed", "reset"}},
		{Name: "halfopen", About: "connections that say nothing, half of them of one address", Held: true, Load: 1600, attempt: (*attacker).hold,
			Met: []string{"closed", "reset", `processor_live_refusals_total{reason="http_connections`}},
		{Name: "deaf", About: "spectators that never read", Held: true, Load: 300, attempt: (*attacker).neverRead,
			Met: []string{`processor_live_closes_total{code="4408"`, "processor_live_ring_overflows_total"}},
		{Name: "messages", About: "requests without end", Load: 20_000, most: 64, burst: 16, requests: 12, attempt: (*attacker).flood,
			Met: []string{"error rate_limited", "close 1008"}},
		{Name: "topics", About: "subscribing and unsubscribing without end", Load: 5_000, most: 16, burst: 16, requests: 16, attempt: (*attacker).subscribeAgain,
			Met: []string{"error rate_limited", "close 1008"}},
		{Name: "bombs", About: "frames of 4 KB that inflate to 4 MB", Load: 200, most: 32, burst: 1, attempt: (*attacker).sendBomb,
			Met: []string{"close 1009"}},
		{Name: "headers", About: "headers of 64 KB", Load: 500, most: 32, burst: 1, attempt: (*attacker).sendLongHeader,
			Met: []string{"431"}},
		{Name: "tokens", About: "tokens that are not good", Load: 10_000, most: 512, burst: 16, answerWithin: time.Second, attempt: (*attacker).useWrongTokens,
			Met: []string{"401"}},
		{Name: "frames", About: "frames that break RFC 6455", Load: 200, most: 32, burst: 1, attempt: (*attacker).sendMalformed,
			Met: []string{"close 1002", "close 1007", "close 1009"}},
		{Name: Sessions, About: "new sessions that each ask for 60 events, while a spectator is withdrawn", Load: 50, Apart: true, burst: 1, stay: 10 * time.Second,
			attempt: (*attacker).openSession, Met: []string{"error forbidden", "error internal", "429"}},
		{Name: Pings, About: "thousands of pings of each, whose answers are hardly read", Held: true, Load: 400, Apart: true, pace: 250 * time.Millisecond,
			attempt: (*attacker).pingUnread, Met: []string{"paused", "error rate_limited"}},
		{Name: "events", About: "/events.json without a token, as fast as they can", Load: 20_000, Apart: true, most: 512, burst: 16, answerWithin: time.Second, attempt: (*attacker).listEvents,
			Met: []string{"429", "200"}},
	}
}

// Kinds that have a measurement of their own.
const (
	Sessions = "sessions"
	Pings    = "pings"
)

// Idle is how long attackers of the kind pings are silent after they have
// connected, so that the memory of the connection itself can be told from that
// of the pings.
const Idle = 3 * time.Second

// Find returns a kind by its name, nil for none.
func Find(name string) *Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return &k
		}
	}
	return nil
}

// attackers is how many attackers make a load, and how often each makes an
// attempt.
func (k *Kind) attackers(load float64) (n int, every time.Duration) {
	if load <= 0 {
		return 0, 0
	}
	if k.Held {
		if k.pace > 0 {
			return int(math.Ceil(load)), k.pace
		}
		return int(math.Ceil(load)), time.Second
	}
	if k.stay > 0 {
		n = int(math.Ceil(load * k.stay.Seconds()))
		return n, time.Duration(float64(n) / load * float64(time.Second))
	}
	attempts := load / float64(k.burst)
	n = max(1, min(k.most, int(attempts)))
	return n, time.Duration(float64(n) / attempts * float64(time.Second))
}

// LimitedAfter is how long one process with this load makes requests until a
// connection has more of them than burst and rate (a second) allow; ok is false
// when that never comes. For a kind that makes no requests it is at once.
func (k *Kind) LimitedAfter(load, rate, burst float64) (after time.Duration, ok bool) {
	_, every := k.attackers(load)
	for credit := burst; credit >= float64(k.requests); after += every {
		left := min(burst, credit-float64(k.requests)+rate*every.Seconds())
		if k.requests == 0 || left >= credit {
			return 0, k.requests == 0
		}
		credit = left
	}
	return after, true
}

// IsMet reports whether an answer, or a metric that has grown, is one of those
// that say so.
func (k *Kind) IsMet(text string) bool {
	for _, m := range k.Met {
		if strings.HasPrefix(text, m) {
			return true
		}
	}
	return false
}
