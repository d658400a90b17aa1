package live

import (
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"pitwall/shard"
)

// errClosed is the error that gws gets when its connection has ended. It contains no
// address, since gws may send the text of an error in a close frame.
var errClosed = errors.New("connection closed")

// socket is the net.Conn that gws gets. It reads from the client's socket, and validates
// frame headers on the way. Writing only queues: the session's consumer writes to the
// client's socket.
//
// During the handshake there is no session. What gws writes then is kept in answer.
type socket struct {
	net.Conn
	raw      syscall.RawConn // nil unless it is a plain socket that is written by system calls (TLS is not)
	sess     *session        // set by newSession, before reading begins
	client   any             // the identity that was let in, for operators; set before reading begins, and never changed
	answer   *shard.Chunk    // to the handshake
	early    []byte          // what the HTTP server had read beyond the handshake
	frames   frameValidator
	plain    rawReader
	measured *measuredConn // below TLS; nil without TLS

	sent, records, longest int // bytes and records written to TLS, and the longest record; the consumer's own

	state atomic.Uint32 // socketOpen…
}

// Values of socket.state; see session.
const (
	socketOpen    = iota
	socketClosing // Close is under way, and makes reads fail
	socketClosed  // nothing is read any more, and only the reader sets deadlines
	socketGone    // the same, and nothing can be sent either
)

func newSocket(c net.Conn, early []byte) *socket {
	k := &socket{Conn: c, early: append([]byte(nil), early...), measured: measuredConnOf(c)}
	k.useRaw()
	return k
}

// rawReader reads from a plain socket. It waits as net.Conn's Read does, but needs 150
// bytes of stack less, so that the reader's stack stays at 2 KiB.
type rawReader struct {
	attempt func(fd uintptr) (done bool) // nil if reading must go through the net.Conn
	into    []byte
	n       int // bytes read; 0 or less at the end
}

// plainTCP returns the TCP connection that sends c's bytes unchanged; nil if there is
// none (TLS). With the PROXY protocol only writing may bypass c, which may have buffered
// input.
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

// closeWrite closes the sending side.
func (k *socket) closeWrite() {
	if tcp := plainTCP(k.Conn); tcp != nil {
		_ = tcp.CloseWrite()
	} else if half, ok := k.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// descriptor is the file descriptor of a plain socket, otherwise noDescriptor.
func (k *socket) descriptor() int32 {
	fd := int32(noDescriptor)
	if k.raw != nil {
		_ = k.raw.Control(func(n uintptr) { fd = int32(n) }) // fails only for a closed socket
	}
	return fd
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
	if held := k.frames.held(k.sess.srv.opts.MaxMessageBytes) + int64(cap(k.early)); held != k.sess.arriving.Load() {
		k.sess.arriving.Store(held)
	}
	return n, nil
}

// peerGone notes that nothing more comes from the client. Unless Close came first, the
// client is gone without a close frame, and gets none. The reader calls it.
func (k *socket) peerGone() { k.state.CompareAndSwap(socketOpen, socketGone) }

// Write queues what gws sends: the answer to the handshake, or a close frame. It does not
// block, and keeps no reference to p. gws calls it, on any goroutine.
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
	k.writeClose(ch, p)
	k.sess.conn.Schedule()
	return len(p), nil
}

// writeClose sets the close frame, unless there is one. A drain frame comes right
// before the close frame of a server that is going away.
func (k *socket) writeClose(ch *shard.Chunk, frame []byte) {
	code := uint16(0)
	if len(frame) >= 4 {
		code = binary.BigEndian.Uint16(frame[2:])
	}
	if code == goingAway && k.sess.srv.draining.Load() {
		ch = shard.NewControl(append(k.sess.srv.drainFrame(k.sess.id), frame...))
	}
	if !k.sess.closeFrame.CompareAndSwap(nil, ch) {
		return
	}
	k.sess.countReply(ch)
	if code > 1000 && code < ownCodes { // not the answer to a client's own close frame
		k.sess.srv.m.closed(code)
	}
}

// Close ends reading. gws calls it right after its close frame, on any goroutine. The
// session's reader then waits for the consumer, and closes the socket itself. The
// deadline is set before the reader can go on to linger, whose own deadline it would
// otherwise replace.
func (k *socket) Close() error {
	if k.sess == nil {
		return k.Conn.Close() // the handshake has failed
	}
	if !k.state.CompareAndSwap(socketOpen, socketClosing) {
		return nil
	}
	defer k.sess.inbox.end()
	defer k.state.CompareAndSwap(socketClosing, socketClosed) // fails if cut came in between
	return k.Conn.SetReadDeadline(time.Unix(1, 0))
}

// SetDeadline does nothing: gws sets a deadline around its handshake, during which
// nothing is written to the client's socket.
func (k *socket) SetDeadline(time.Time) error { return nil }
