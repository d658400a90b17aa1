package spectators

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pitwall/bench/internal/latency"
)

// obey carries out an order.
func (s *Group) obey(o Order) error {
	switch o.Do {
	case "connect":
		first := len(s.clients)
		if first+o.Clients > len(s.cfg.Watch) {
			return fmt.Errorf("connect %d more clients: the configuration has %d in all", o.Clients, len(s.cfg.Watch))
		}
		for i, event := range s.cfg.Watch[first : first+o.Clients] {
			k := client{fd: -1, slow: first+i < s.cfg.Slow, event: event}
			k.skips = !s.checks(k.event, k.slow)
			k.timed = s.sampled(&k)
			s.clients = append(s.clients, k)
		}
		s.schedule(first, o)
	case "drop":
		o.Clients = min(o.Clients, len(s.clients))
		s.schedule(0, o)
	case "measure":
		s.check.from, s.check.to = o.From, o.To
	case "finish":
		s.published = o.Published
		s.deadline = time.Now().Add(time.Duration(o.WithinMS) * time.Millisecond)
	default:
		return fmt.Errorf("the order %q is not known", o.Do)
	}
	return nil
}

// waiter is a client that is to connect.
type waiter struct {
	due    int64 // µs since the Unix epoch
	client int
}

// schedule plans when the clients of an order connect or reconnect: evenly over the time
// of the order.
func (s *Group) schedule(first int, o Order) {
	now := time.Now().UnixMicro()
	for i := range o.Clients {
		s.waiting = append(s.waiting, waiter{now + int64(o.OverMS)*1000*int64(i)/int64(o.Clients), first + i})
	}
	slices.SortStableFunc(s.waiting, func(a, b waiter) int { return cmp.Compare(a.due, b.due) })
}

// ended reports whether everything published has arrived, or the time is up.
func (s *Group) ended(now time.Time) bool {
	if s.published == nil || now.Before(s.checkNext) {
		return false
	}
	s.checkNext = now.Add(checkEvery)
	return !now.Before(s.deadline) || s.missing() == 0
}

// missing is the number of records that have not arrived at the fast clients that
// are connected and check. A slow client is behind by design; a client that is gone
// is counted as lost.
func (s *Group) missing() (n int64) {
	for i := range s.clients {
		if k := &s.clients[i]; !k.slow && !k.skips && k.state >= stateOpen && k.state != stateGone {
			n += s.check.missing(k, s.published)
		}
	}
	return n
}

// status is what has happened so far, with the histograms since the last status.
func (s *Group) status(final bool) Status {
	p := Status{Open: s.open, Joined: s.joined, Counts: s.check.counts, Latency: s.check.fast, Slow: s.check.slow, Join: s.joins,
		Wait: s.arrivals.waits, Odd: s.arrivals.odd, StallUS: s.stall, Fault: s.fault, Final: final}
	s.check.fast, s.check.slow, s.joins, s.stall = latency.New(), latency.New(), latency.New(), 0
	s.arrivals.waits, s.arrivals.odd = latency.New(), 0
	if final {
		p.Missing = s.missing()
		s.published = nil
	}
	return p
}
