package spectators

import (
	"container/heap"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/bench/internal/latency"
)

// obey carries an order out.
func (s *Group) obey(o Order) error {
	now := time.Now()
	over := int64(o.OverMS) * 1000
	switch o.Do {
	case "connect":
		first := len(s.clients)
		if first+o.Clients > len(s.cfg.Watch) {
			return fmt.Errorf("connect %d more clients: the configuration has %d in all", o.Clients, len(s.cfg.Watch))
		}
		for i := range o.Clients {
			c := first + i
			k := client{fd: -1, slow: c < s.cfg.Slow, event: s.cfg.Watch[c]}
			k.blind = !s.checks(k.event, k.slow)
			k.timed = s.sampled(&k)
			s.clients = append(s.clients, k)
			s.come(c, now.UnixMicro()+over*int64(i)/int64(o.Clients))
		}
	case "drop":
		n := min(o.Clients, len(s.clients))
		for i := range n {
			s.come(i, now.UnixMicro()+over*int64(i)/int64(n))
		}
	case "measure":
		s.check.from, s.check.to = o.From, o.To
	case "finish":
		s.published = o.Published
		s.deadline = now.Add(time.Duration(o.WithinMS) * time.Millisecond)
	default:
		return fmt.Errorf("the order %q is not known", o.Do)
	}
	return nil
}

// come makes a client connect, or connect again, at due.
func (s *Group) come(client int, due int64) { heap.Push(&s.waiting, waiter{due, client}) }

// ended reports that everything published has arrived or the time is up.
func (s *Group) ended(now time.Time) bool {
	if s.published == nil || now.Before(s.checkNext) {
		return false
	}
	s.checkNext = now.Add(checkEvery)
	return !now.Before(s.deadline) || s.missing() == 0
}

// missing is how many records have not arrived at the fast clients that are
// connected and check. A slow one is behind by design; one that has gone is
// counted as lost.
func (s *Group) missing() (n int64) {
	for i := range s.clients {
		if k := &s.clients[i]; !k.slow && !k.blind && k.state >= stateOpen && k.state != stateGone {
			n += s.check.missing(k, s.published)
		}
	}
	return n
}

// status is what has happened so far, with the histograms since the last status.
func (s *Group) status(final bool) Status {
	p := Status{Open: s.open, Joined: s.joined, Counts: s.check.counts,
		Latency: s.check.fast, Slow: s.check.slow, Join: s.joins, Wait: s.arrivals.waits, Odd: s.arrivals.odd, StallUS: s.stall, Fault: s.fault, Final: final}
	s.check.fast, s.check.slow, s.joins, s.stall = latency.New(), latency.New(), latency.New(), 0
	s.arrivals.waits, s.arrivals.odd = latency.New(), 0
	if final {
		p.Missing = s.missing()
		s.published = nil
	}
	return p
}

// watchSlow takes a slow client that has joined off epoll, which would report it
// at every turn otherwise.
func (s *Group) watchSlow(k *client) {
	if k.slow {
		_ = s.watch(unix.EPOLL_CTL_MOD, k.fd, 0) // hang-ups are still reported
	}
}
