package spectators

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/bench/internal/latency"
	"pitwall/bench/internal/wire"
)

const (
	idleWait    = 10 * time.Millisecond // longest wait before the loop looks at orders and timers
	reportEvery = 500 * time.Millisecond
	checkEvery  = 50 * time.Millisecond // after a finish order, between two looks whether everything has arrived
	slowEvery   = 100 * time.Millisecond
	readBuffer  = 256 << 10
)

// Group is the clients of one process. Only one goroutine may use it.
type Group struct {
	cfg        Config
	target     netip.AddrPort
	requests   [][]byte // to upgrade; the clients use them by turns
	poll       int
	clients    []client
	byFD       map[int]int32
	buf        []byte
	check      *checker
	joins      latency.Histogram
	arrivals   arrivals
	open       int
	joined     int
	fault      string
	waiting    []waiter // clients that are to connect, the earliest first
	stall      int64    // longest turn of the loop, without the wait for sockets, µs
	slowNext   time.Time
	fastOf     []int // by event: fast clients so far; only used when not all check
	fast       int   // fast clients so far that check
	ponged     int   // the last client that sent an unsolicited pong
	pongAt     time.Time
	pongWithin time.Duration // each client sends a pong within this time

	published []uint32 // set by a finish order
	deadline  time.Time
	checkNext time.Time
}

// New makes a group in which no client is connected.
func New(cfg Config) (*Group, error) {
	addr, err := net.ResolveTCPAddr("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("find the live server: %w", err)
	}
	target := addr.AddrPort()
	s := &Group{cfg: cfg, target: netip.AddrPortFrom(target.Addr().Unmap(), target.Port()),
		requests: requests(&cfg), byFD: make(map[int]int32), buf: make([]byte, readBuffer),
		joins: latency.New(), arrivals: newArrivals(), fastOf: make([]int, len(cfg.Events)), pongWithin: pongEvery}
	s.check = newChecker(&s.cfg)
	if s.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create an epoll instance: %w", err)
	}
	return s, nil
}

// requests are those to upgrade, one for each token.
func requests(cfg *Config) (list [][]byte) {
	tokens := cfg.Tokens
	if len(tokens) == 0 {
		tokens = []string{""}
	}
	for _, t := range tokens {
		list = append(list, wire.Upgrade(cmp.Or(cfg.Host, cfg.Addr), cfg.Path, wire.Bearer(t)))
	}
	return list
}

// Run serves the clients and carries out orders until their channel is closed. It
// calls report with a Status twice a second. After a finish order, it reports a
// final Status once everything published has arrived or the time is up.
func (s *Group) Run(orders <-chan Order, report func(Status) error) error {
	defer s.close()
	events := make([]unix.EpollEvent, 512)
	turn := time.Now() // end of the last turn of the loop
	next := turn.Add(reportEvery)
	for {
		wait := s.wait()
		n, err := unix.EpollWait(s.poll, events, int(wait.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for sockets: %w", err)
		}
		start := time.Now()
		for i := range max(n, 0) {
			s.event(int(events[i].Fd), events[i].Events)
		}
		s.timers(start)
		select {
		case o, ok := <-orders:
			if !ok {
				return nil
			}
			if err := s.obey(o); err != nil {
				return err
			}
		default:
		}
		now := time.Now()
		s.stall = max(s.stall, (now.Sub(turn) - wait).Microseconds())
		turn = now
		if final := s.ended(now); final || !now.Before(next) {
			next = now.Add(reportEvery)
			if err := report(s.status(final)); err != nil {
				return err
			}
		}
	}
}

// wait is how long the loop may wait for sockets, in whole ms.
func (s *Group) wait() time.Duration {
	if len(s.waiting) == 0 {
		return idleWait
	}
	due := time.Duration(s.waiting[0].due-time.Now().UnixMicro()) * time.Microsecond
	return min(max(due.Truncate(time.Millisecond), 0), idleWait)
}

func (s *Group) close() {
	for i := range s.clients {
		if s.clients[i].state != stateAway {
			s.leave(&s.clients[i], stateGone)
		}
	}
	_ = unix.Close(s.poll)
}

func (s *Group) event(fd int, what uint32) {
	k := &s.clients[s.byFD[fd]]
	if k.fd != fd {
		return // was closed earlier in this turn
	}
	if k.state == stateConnecting {
		s.connected(k)
		return
	}
	if !k.slow || k.state < stateJoined || what&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.read(k, len(s.buf))
	}
}

// read reads what a socket has, at most limit bytes.
func (s *Group) read(k *client, limit int) {
	if k.discards() {
		k.rest = nil // an incomplete frame
	}
	held := copy(s.buf, k.rest)
	if held == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...) // the frame is longer than the buffer
	}
	n, arrived, err := s.receive(k, s.buf[held:min(held+limit, len(s.buf))])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return
	case err != nil:
		s.lose(k, "read: "+err.Error())
		return
	case n <= 0:
		s.lose(k, "the server closed it")
		return
	}
	s.check.counts.Reads++
	s.check.counts.Bytes += int64(n)
	if k.discards() {
		s.check.counts.Unread += int64(n)
		return
	}
	b, now := s.buf[:held+n], time.Now().UnixMicro()
	if k.state == stateUpgrading {
		var whole bool
		if b, whole = s.upgraded(k, b); !whole {
			k.rest = append(k.rest[:0], b...)
			return
		}
	}
	before := s.check.fast.TotalCount()
	s.frames(k, b, now)
	s.arrivals.parsed(arrived, s.check.fast.TotalCount()-before)
}

// frames takes the complete frames of b and keeps the rest.
func (s *Group) frames(k *client, b []byte, now int64) {
	for k.fd >= 0 {
		op, payload, size, ok, broken := next(b)
		if broken {
			s.check.counts.Broken++
			s.leave(k, stateGone)
			return
		}
		if !ok {
			if k.rest = append(k.rest[:0], b...); len(b) == 0 && cap(k.rest) > 4096 {
				k.rest = nil // do not keep the memory of a long frame
			}
			return
		}
		b = b[size:]
		switch op {
		case wire.Text, wire.Binary:
			s.message(k, payload, now)
		case wire.Ping:
			s.send(k, wire.Pong, payload)
		case wire.Close:
			code := uint16(0)
			if len(payload) >= 2 {
				code = binary.BigEndian.Uint16(payload)
			}
			s.lose(k, fmt.Sprintf("closed with %d", code))
		}
	}
}

// timers connects the clients that are due, and lets the slow ones read.
func (s *Group) timers(now time.Time) {
	us := now.UnixMicro()
	for len(s.waiting) > 0 && s.waiting[0].due <= us {
		w := s.waiting[0]
		s.waiting = s.waiting[1:]
		k := &s.clients[w.client]
		if k.due = w.due; k.state != stateAway && k.state != stateGone {
			s.leave(k, stateAway) // a drop: it reconnects at once
		}
		if err := s.connect(w.client); err != nil {
			s.refused(err.Error())
			k.state = stateGone
		}
	}
	s.sendPongs(now)
	if s.cfg.Slow == 0 || now.Before(s.slowNext) {
		return
	}
	s.slowNext = now.Add(slowEvery)
	for i := range min(s.cfg.Slow, len(s.clients)) {
		if k := &s.clients[i]; k.state == stateJoined {
			s.read(k, max(1, s.cfg.SlowRate*int(slowEvery.Milliseconds())/1000))
		}
	}
}
