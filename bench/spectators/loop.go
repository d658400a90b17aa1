package spectators

import (
	"container/heap"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/bench/internal/latency"
)

const (
	idleWait    = 10 * time.Millisecond // the loop reads orders and timers at least so often
	reportEvery = 500 * time.Millisecond
	checkEvery  = 50 * time.Millisecond // at the end: has everything arrived?
	slowEvery   = 100 * time.Millisecond
	readBuffer  = 256 << 10
)

// Group is the clients of one process. It is used by one goroutine.
type Group struct {
	cfg       Config
	target    netip.AddrPort
	handshake []byte
	poll      int
	clients   []client
	byFD      map[int]int32
	buf       []byte
	check     *checker
	joins     latency.Histogram
	arrivals  arrivals
	open      int
	joined    int
	fault     string
	waiting   waiting // clients that are to connect
	stall     int64   // longest turn of the loop without the wait for sockets, µs
	slowNext  time.Time
	came      []int // by event: fast clients so far, when not all check
	fast      int   // fast clients so far that check
	heard     int   // the last client that sent a pong unasked
	heardAt   time.Time
	heardIn   time.Duration // each sends one within

	published []uint32 // set by a finish order
	deadline  time.Time
	checkNext time.Time
}

// New makes a group of clients of which none is connected.
func New(cfg Config) (*Group, error) {
	addr, err := net.ResolveTCPAddr("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("find the live server: %w", err)
	}
	s := &Group{cfg: cfg, target: addr.AddrPort(), handshake: handshake(cfg.Addr, cfg.Path, cfg.Token),
		byFD: make(map[int]int32), buf: make([]byte, readBuffer), joins: latency.New(), arrivals: newArrivals(), came: make([]int, len(cfg.Events)), heardIn: unreadEvery}
	s.target = netip.AddrPortFrom(s.target.Addr().Unmap(), s.target.Port())
	s.check = newChecker(&s.cfg)
	if s.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return s, nil
}

// Run serves the clients and carries out orders until their channel is closed.
// It calls report with a Status twice a second. After a finish order the next
// Status is final, once everything published has arrived or the time is up.
func (s *Group) Run(orders <-chan Order, report func(Status) error) error {
	defer s.close()
	events := make([]unix.EpollEvent, 512)
	turn := time.Now() // when the last one ended
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

// wait is how long the loop may sleep, in whole ms.
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
		return // closed earlier in this turn
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
	if k.unread() {
		k.rest = nil // half a frame
	}
	held := copy(s.buf, k.rest)
	if held == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...) // a frame longer than all so far
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
	if k.unread() {
		s.check.counts.Unread += int64(n)
		return
	}
	b, now := s.buf[:held+n], time.Now().UnixMicro()
	if k.state == stateShaking {
		var whole bool
		if b, whole = s.shake(k, b); !whole {
			k.rest = append(k.rest[:0], b...)
			return
		}
	}
	before := s.check.fast.TotalCount()
	s.frames(k, b, now)
	s.arrivals.parsed(arrived, s.check.fast.TotalCount()-before)
}

// frames takes the whole frames of b and keeps the rest.
func (s *Group) frames(k *client, b []byte, now int64) {
	for k.fd >= 0 {
		op, payload, size, ok, broken := next(b)
		if broken {
			s.check.counts.Broken++
			s.leave(k, stateGone)
			return
		}
		if !ok {
			if len(b) == 0 {
				if cap(k.rest) > 4096 {
					k.rest = nil
				}
				k.rest = k.rest[:0]
			} else {
				k.rest = append(k.rest[:0], b...)
			}
			return
		}
		b = b[size:]
		switch op {
		case opText, opBinary:
			s.message(k, payload, now)
		case opPing:
			s.send(k, opPong, payload)
		case opClose:
			code := 0
			if len(payload) >= 2 {
				code = int(payload[0])<<8 | int(payload[1])
			}
			s.lose(k, fmt.Sprintf("closed with %d", code))
		}
	}
}

// waiting is a heap of clients that are to connect, the earliest first.
type waiting []waiter

type waiter struct {
	due    int64
	client int
}

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].due < w[j].due }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(x any)        { *w = append(*w, x.(waiter)) }
func (w *waiting) Pop() any {
	old := *w
	x := old[len(old)-1]
	*w = old[:len(old)-1]
	return x
}

// timers connects the clients that are due and lets the slow ones read.
func (s *Group) timers(now time.Time) {
	us := now.UnixMicro()
	for len(s.waiting) > 0 && s.waiting[0].due <= us {
		w := heap.Pop(&s.waiting).(waiter)
		k := &s.clients[w.client]
		if k.due = w.due; k.state != stateAway && k.state != stateGone {
			s.leave(k, stateAway) // dropped: it connects again at once
		}
		if err := s.connect(w.client); err != nil {
			s.refused(err.Error())
			k.state = stateGone
		}
	}
	s.stayHeard(now)
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
