package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/shard"
)

// errClosed is what gws sees when its connection has ended. It carries no
// address, since gws may put the text of an error into a close frame.
var errClosed = errors.New("connection closed")

// socket is the net.Conn that gws is given. Reading goes to the client's
// socket, and frame headers are validated on the way. Writing only queues: the
// session's consumer is the one that writes to the socket.
//
// During the handshake there is no session. What gws writes then is kept in answer.
type socket struct {
	net.Conn
	raw      syscall.RawConn // nil for what is not a plain socket (TLS)
	sess     *session        // set by newSession, before reading begins
	answer   *shard.Chunk    // to the handshake
	early    []byte          // what the HTTP server had read already
	frames   frameValidator
	plain    rawReader
	measured *measuredConn // what TLS reads into; nil without TLS
	begun    int64         // what has come of messages that are not whole, as counted last

	sent, records, longest int // bytes and records written to TLS, and the longest record; the consumer's own

	state atomic.Uint32 // socketOpen…
}

// Values of socket.state; see session.
const (
	socketOpen    = iota
	socketClosing // Close is under way: a read that fails now was ended by us
	socketClosed  // nothing is read any more, and nobody sets a deadline but the reader
	socketGone    // the same, and nothing can be sent either
)

func newSocket(c net.Conn, early []byte) *socket {
	k := &socket{Conn: c, early: append([]byte(nil), early...), measured: measuredConnOf(c)}
	if tcp := plainTCP(c); tcp != nil {
		k.raw, _ = tcp.SyscallConn() // fails for an invalid conn only, which cannot have been accepted
		if net.Conn(tcp) == c {
			k.plain.attempt = k.plain.attemptOnce
		}
	}
	return k
}

// rawReader reads from a plain socket. It waits as net.Conn's Read does, with 150
// bytes of stack less: the reader's then stays at 2 KiB.
type rawReader struct {
	attempt func(fd uintptr) (done bool) // nil where reading must go through the net.Conn
	into    []byte
	n       int // 0 or less: nothing more comes
}

// attemptOnce is what the network poller calls. False says that there is nothing
// to read yet.
func (r *rawReader) attemptOnce(fd uintptr) (done bool) {
	for {
		var err error
		if r.n, err = unix.Read(int(fd), r.into); err != unix.EINTR {
			return err != unix.EAGAIN
		}
	}
}

// plainTCP returns the TCP connection that c's bytes go to as they are, nil when
// there is none (TLS). Behind a PROXY header reading must go through c, which
// may hold bytes; writing need not.
func plainTCP(c net.Conn) *net.TCPConn {
	switch c := c.(type) {
	case *net.TCPConn:
		return c
	case interface{ TCPConn() (*net.TCPConn, bool) }:
		tcp, _ := c.TCPConn()
		return tcp
	}
	return nil
}

// closeWrite tells the client that nothing more comes.
func (k *socket) closeWrite() {
	if tcp := plainTCP(k.Conn); tcp != nil {
		_ = tcp.CloseWrite() // it may have ended
	} else if half, ok := k.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// descriptor is that of a plain socket, for the session's fdGuard.
func (k *socket) descriptor() int32 {
	fd := int32(noDescriptor)
	if k.raw != nil {
		_ = k.raw.Control(func(n uintptr) { fd = int32(n) }) // fails when it has been closed, and nobody can have yet
	}
	return fd
}

// tune sets the options of the socket, whatever wraps it. What the kernel holds
// unsent cannot be taken back, so it is kept small.
func (k *socket) tune(lowat int) error {
	tcp, ok := innermost(k.Conn).(syscall.Conn)
	if !ok {
		return fmt.Errorf("set TCP_NOTSENT_LOWAT: no socket under a %T", k.Conn)
	}
	if lowat <= 0 {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return fmt.Errorf("set TCP_NOTSENT_LOWAT: %w", err)
	}
	var fault error
	err = raw.Control(func(fd uintptr) {
		fault = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, lowat)
	})
	if err = errors.Join(err, fault); err != nil {
		return fmt.Errorf("set TCP_NOTSENT_LOWAT: %w", err)
	}
	return nil
}

// Read reads from the client. gws calls it on the session's reader.
func (k *socket) Read(p []byte) (int, error) {
	k.sess.inbox.waitForRoom()
	if k.state.Load() >= socketClosed {
		return 0, errClosed
	}
	if k.frames.refusal != "" {
		k.sess.close(1002, k.frames.refusal)
		return 0, errClosed
	}
	var n int
	if len(k.early) > 0 {
		n = copy(p, k.early)
		if k.early = k.early[n:]; len(k.early) == 0 {
			k.early = nil
		}
	} else if k.plain.attempt == nil {
		var err error
		if n, err = k.Conn.Read(p); err != nil {
			k.peerGone()
			return 0, errClosed
		}
	} else {
		k.plain.into = p
		if k.raw.Read(k.plain.attempt) != nil || k.plain.n <= 0 {
			k.peerGone()
			return 0, errClosed
		}
		n = k.plain.n
	}
	if n = k.frames.validate(p[:n]); n == 0 {
		k.sess.close(1002, k.frames.refusal)
		return 0, errClosed
	}
	if held := k.frames.held(k.sess.srv.opts.MaxMessageBytes) + int64(cap(k.early)); held != k.begun {
		k.begun = held
		k.sess.arriving.Store(held)
	}
	return n, nil
}

// peerGone notes that nothing more comes from the client. Unless we have closed
// first, it has gone without a close frame and gets none either. The reader calls it.
func (k *socket) peerGone() { k.state.CompareAndSwap(socketOpen, socketGone) }

// Write queues what gws wants to send: the answer to the handshake, or a close
// frame. It never blocks and keeps no reference to p. gws calls it, on any
// goroutine.
func (k *socket) Write(p []byte) (int, error) {
	if k.sess != nil && k.state.Load() == socketGone {
		return 0, errClosed
	}
	ch := shard.NewControl(append([]byte(nil), p...))
	if k.sess == nil {
		k.answer = ch
		return len(p), nil
	}
	if len(p) == 0 || p[0] != 0x80|0x8 {
		k.sess.push(ch)
		return len(p), nil
	}
	if k.sess.closeFrame.CompareAndSwap(nil, ch) {
		k.sess.owe(ch)
		if len(p) >= 4 {
			if code := binary.BigEndian.Uint16(p[2:]); code > 1000 && code < ownCodes { // not the answer to a client's own close frame
				k.sess.srv.m.closed(code)
			}
		}
	}
	k.sess.conn.Schedule()
	return len(p), nil
}

// Close ends reading. gws calls it right after its close frame, on any goroutine.
// The session's reader then waits for the consumer and closes the socket itself.
// The deadline is set before the reader can be through with reading; otherwise it
// could cut short the reader's wait for the client's answer.
func (k *socket) Close() error {
	if k.sess == nil {
		return k.Conn.Close() // the handshake has failed
	}
	if !k.state.CompareAndSwap(socketOpen, socketClosing) {
		return nil
	}
	defer k.sess.inbox.end()
	defer k.state.CompareAndSwap(socketClosing, socketClosed) // cut may have come in between
	return k.Conn.SetReadDeadline(time.Unix(1, 0))
}

// SetDeadline does nothing: gws sets one around its handshake, in which nothing
// is written to the socket.
func (k *socket) SetDeadline(time.Time) error { return nil }
