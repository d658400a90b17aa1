package spectators

import (
	"container/heap"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// obey carries an order out.
func (s *Swarm) obey(o Order) error {
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

// come has a client connect at due, or come back then.
func (s *Swarm) come(client int, due int64) { heap.Push(&s.waiting, waiter{due, client}) }

// ended reports, once, that everything published has come or the time is up.
func (s *Swarm) ended(now time.Time) bool {
	if s.published == nil || now.Before(s.checkNext) {
		return false
	}
	s.checkNext = now.Add(checkEvery)
	return !now.Before(s.deadline) || s.missing() == 0
}

// missing is what the fast clients that are there and check have not come to. A
// slow one is behind by design; one that has gone is counted as lost.
func (s *Swarm) missing() (n int64) {
	for i := range s.clients {
		if k := &s.clients[i]; !k.slow && !k.blind && k.state >= stateOpen && k.state != stateGone {
			n += s.check.missing(k, s.published)
		}
	}
	return n
}

// progress tells what has happened, and begins new histograms.
func (s *Swarm) progress(final bool) Progress {
	p := Progress{Open: s.open, Joined: s.joined, Counts: s.check.counts,
		Latency: s.check.fast, Slow: s.check.slow, Join: s.joins, Wait: s.arrivals.waits, Odd: s.arrivals.odd, StallUS: s.stall, Fault: s.fault, Final: final}
	s.check.fast, s.check.slow, s.joins, s.stall = NewHist(), NewHist(), NewHist(), 0
	s.arrivals.waits, s.arrivals.odd = NewHist(), 0
	if final {
		p.Missing = s.missing()
		s.published = nil
	}
	return p
}

// watchSlow takes a slow client that has joined off epoll, or it would be
// reported at every turn.
func (s *Swarm) watchSlow(k *client) {
	if k.slow {
		_ = s.watch(unix.EPOLL_CTL_MOD, k.fd, 0) // hang-ups are still told
	}
}
