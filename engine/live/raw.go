//go:build !portable && (linux || darwin)

package live

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// This file reads and writes plain sockets by system calls of its own. portable.go is
// for systems that do not have them.

// errFull is the error of a socket that takes nothing now, or that can only be written
// by waiting for it (TLS).
const errFull = unix.EAGAIN

// useRaw has a plain socket written, and if nothing wraps it also read, by system calls.
func (k *socket) useRaw() {
	tcp := plainTCP(k.Conn)
	if tcp == nil {
		return
	}
	k.raw, _ = tcp.SyscallConn() // fails only for a connection that was not accepted
	if net.Conn(tcp) == k.Conn {
		k.plain.attempt = k.plain.attemptOnce
	}
}

// attemptOnce is called by the network poller. done is false if there is nothing to read
// yet.
func (r *rawReader) attemptOnce(fd uintptr) (done bool) {
	for {
		var err error
		if r.n, err = unix.Read(int(fd), r.into); err != unix.EINTR {
			return err != unix.EAGAIN
		}
	}
}

// limitUnsent bounds what the kernel holds unsent, in bytes, since that cannot be taken
// back. 0 leaves the kernel's default.
func (k *socket) limitUnsent(bytes int) error {
	conn, ok := innermost(k.Conn).(syscall.Conn)
	if !ok {
		return fmt.Errorf("set TCP_NOTSENT_LOWAT: no socket under a %T", k.Conn)
	}
	if bytes <= 0 {
		return nil
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		closed := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bytes)
		})
		err = errors.Join(closed, err)
	}
	if err != nil {
		return fmt.Errorf("set TCP_NOTSENT_LOWAT: %w", err)
	}
	return nil
}

// write makes one attempt at what is in flight for s. The error is errFull if nothing
// could be written without waiting.
func (w *writer) write(s *session) (int, error) {
	if s.fd.fd == noDescriptor {
		return 0, errFull
	}
	if !s.fd.enter() {
		return 0, errClosed
	}
	w.out.load(s.inFlight)
	n, err := writev(int(s.fd.fd), w.out.vector)
	clear(w.out.vector)
	if s.fd.leave() {
		_ = s.sock.Conn.Close()
	}
	return n, err
}

// writev is write(2) or writev(2).
func writev(fd int, vector [][]byte) (n int, err error) {
	for {
		if len(vector) == 1 {
			n, err = unix.Write(fd, vector[0])
		} else {
			n, err = unix.Writev(fd, vector)
		}
		if err != unix.EINTR {
			return n, err
		}
	}
}

// writeWaiting waits until the socket has taken something, or has room for it.
func (o *output) writeWaiting(s *session) (int, error) {
	if s.sock.raw != nil {
		return o.writeWhenReady(s)
	}
	return o.writeTLS(s)
}

// rawOutput is the attempt of writeWhenReady.
type rawOutput struct {
	n         int
	err       error
	attempted bool
	attempt   func(fd uintptr) (done bool) // attemptOnce, made once
}

// writeWhenReady writes what is in flight for s or, if its socket is full, waits
// until it has room, and returns 0. The goroutine of a parked session calls it.
func (o *output) writeWhenReady(s *session) (int, error) {
	o.load(s.inFlight)
	if o.attempt == nil {
		o.attempt = o.attemptOnce
	}
	o.n, o.err, o.attempted = 0, nil, false
	err := s.sock.raw.Write(o.attempt)
	clear(o.vector)
	switch {
	case err != nil:
		return 0, err
	case o.err == unix.EAGAIN:
		return 0, nil
	case o.err != nil:
		return 0, o.err
	}
	return o.n, nil
}

// attemptOnce is called by the network poller: at once, and again when a full socket has
// room. The second call writes nothing: what was loaded may be out of date by then.
func (o *output) attemptOnce(fd uintptr) (done bool) {
	if o.attempted {
		return true
	}
	o.attempted = true
	o.n, o.err = writev(int(fd), o.vector)
	return o.err != unix.EAGAIN
}
