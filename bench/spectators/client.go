package spectators

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"pitwall/bench/internal/wire"
)

// States of a client.
const (
	stateAway       = iota // not connected; connects at due
	stateConnecting        // the socket is not open yet
	stateUpgrading         // the upgrade has not been answered
	stateAsked             // the subscribe has not been answered
	stateOpen              // subscribed; parts of the snapshot are missing
	stateJoined            // has its snapshot
	stateGone              // refused, or closed by the server
)

// client is one spectator.
type client struct {
	fd      int
	state   uint8
	slow    bool
	skips   bool // checks nothing once it has its snapshot
	timed   bool // its reads are to be timed
	stamped bool // the kernel provides the arrival times of its bytes
	event   int32
	parts   int      // of the snapshot that are missing
	due     int64    // when it was to connect, µs since the Unix epoch
	rest    []byte   // the beginning of an incomplete frame
	last    []uint32 // by device of the event: number of the last record, or unseen, entered, left
}

// sources is the number of source addresses of a process. It needs several, as a
// dropped connection holds its port for a minute.
const sources = 8

// connect begins to open the client's socket.
func (s *Group) connect(i int) error {
	k := &s.clients[i]
	family := unix.AF_INET
	if s.target.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	if k.slow {
		// With a large buffer the kernel would read ahead for a slow client.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	}
	if s.target.Addr().Is4() && s.target.Addr().IsLoopback() {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		from := &unix.SockaddrInet4{Addr: [4]byte{127, 0, byte(1 + s.cfg.Source), byte(1 + i%sources)}}
		if err := unix.Bind(fd, from); err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("bind to a source address: %w", err)
		}
	}
	if err := unix.Connect(fd, sockaddr(s.target)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return fmt.Errorf("connect: %w", err)
	}
	k.fd, k.state, k.stamped = fd, stateConnecting, k.timed && stamp(fd)
	s.byFD[fd] = int32(i)
	return s.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLOUT)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (s *Group) watch(op, fd int, events uint32) error {
	if err := unix.EpollCtl(s.poll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// connected sends the request to upgrade once the socket is open.
func (s *Group) connected(k *client) {
	if code, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		s.lose(k, "connect: "+unix.Errno(code).Error())
		return
	}
	k.state = stateUpgrading
	_, err := unix.Write(k.fd, s.requests[int(s.byFD[k.fd])%len(s.requests)])
	if err == nil {
		err = s.watch(unix.EPOLL_CTL_MOD, k.fd, unix.EPOLLIN)
	}
	if err != nil {
		s.lose(k, "upgrade: "+err.Error())
	}
}

// upgraded takes the answer to the upgrade off b and subscribes. It returns what
// follows the answer.
func (s *Group) upgraded(k *client, b []byte) (rest []byte, whole bool) {
	head, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	if !whole {
		return b, false
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
		line, _, _ := bytes.Cut(head, []byte("\r\n"))
		s.refused("the upgrade is answered with " + string(line))
		s.leave(k, stateGone)
		return nil, true
	}
	k.state = stateAsked
	op, text := s.subscription(k)
	s.send(k, op, []byte(text))
	return rest, true
}

// send writes one small frame. If the socket has no room for it, the connection
// counts as lost.
func (s *Group) send(k *client, op byte, payload []byte) {
	if _, err := unix.Write(k.fd, wire.AppendFrame(nil, wire.Final|op, payload)); err != nil {
		s.lose(k, "write: "+err.Error())
	}
}

// lose counts a connection that the harness did not close.
func (s *Group) lose(k *client, why string) {
	if k.state == stateGone || k.state == stateAway {
		return
	}
	if k.state < stateOpen {
		s.refused(why)
	} else {
		s.check.counts.Lost++
		s.fault = cmp.Or(s.fault, "a connection was lost: "+why)
	}
	s.leave(k, stateGone)
}

// leave closes the client's socket.
func (s *Group) leave(k *client, state uint8) {
	switch k.state {
	case stateJoined:
		s.joined--
		s.open--
	case stateOpen:
		s.open--
	}
	if k.fd >= 0 {
		_ = unix.Close(k.fd) // removes it from epoll too
		k.fd = -1
	}
	k.state, k.rest, k.parts = state, nil, 0
}
