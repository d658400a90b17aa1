package spectators

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// States of a client.
const (
	stateAway       = iota // not connected; connects at due
	stateConnecting        // the socket is not open yet
	stateShaking           // the upgrade was not answered yet
	stateAsked             // subscribed, not answered yet
	stateOpen              // subscribed; parts of the snapshot are missing
	stateJoined            // has its snapshot
	stateGone              // ended by the server or refused
)

// client is one spectator.
type client struct {
	fd      int
	state   uint8
	slow    bool
	blind   bool // does not check what it is sent once it has its snapshot
	timed   bool // its reads are to be
	stamped bool // the kernel says when the bytes of its reads arrived
	event   int32
	parts   int    // of the snapshot, still missing
	due     int64  // when it wanted to connect, µs since the epoch
	rest    []byte // of a frame that is not whole yet
	last    []uint32
}

// sources is how many addresses of its own a process connects from: a
// connection that was dropped holds its port for a minute.
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
		// With a large window the kernel would read ahead for a slow client.
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

// connected sends the upgrade once the socket is open.
func (s *Group) connected(k *client) {
	if code, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		s.lose(k, "connect: "+unix.Errno(code).Error())
		return
	}
	k.state = stateShaking
	_, err := unix.Write(k.fd, s.handshake)
	if err == nil {
		err = s.watch(unix.EPOLL_CTL_MOD, k.fd, unix.EPOLLIN)
	}
	if err != nil {
		s.lose(k, "handshake: "+err.Error())
	}
}

func handshake(addr, path, token string) []byte {
	host := addr
	if h, p, err := net.SplitHostPort(addr); err == nil && p == strconv.Itoa(80) {
		host = h
	}
	if token != "" {
		token = "Authorization: Bearer " + token + "\r\n"
	}
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + token + "\r\n")
}

var headersEnd = []byte("\r\n\r\n")

// shake takes the answer to the upgrade off b and subscribes. It returns what
// follows the answer.
func (s *Group) shake(k *client, b []byte) (rest []byte, whole bool) {
	head, rest, whole := bytes.Cut(b, headersEnd)
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

// send writes one small frame. A socket without room for it counts as lost.
func (s *Group) send(k *client, op byte, payload []byte) {
	if _, err := unix.Write(k.fd, appendFrame(nil, op, payload)); err != nil {
		s.lose(k, "write: "+err.Error())
	}
}

// lose takes note of a connection that the harness did not end.
func (s *Group) lose(k *client, why string) {
	if k.state == stateGone || k.state == stateAway {
		return
	}
	if k.state < stateOpen {
		s.refused(why)
	} else {
		s.check.counts.Lost++
		if s.fault == "" {
			s.fault = "a connection was lost: " + why
		}
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
		_ = unix.Close(k.fd) // takes it off epoll too
		k.fd = -1
	}
	k.state, k.rest, k.parts = state, nil, 0
}
