package live

import (
	"io"
	"net"
	"time"

	"github.com/lxzan/gws"

	"pitwall/shard"
)

// Bounds of the end of a connection that the server closes. Their sum is less than what
// a shutdown allows beyond the drain time, so that the last connection of a drain gets
// its close code, too.
const (
	// sendCloseTime bounds how long the socket may take to accept the close frame and
	// the rest of the frame before it. For that, a slow client has to read, and a busy
	// machine has to run the consumer.
	sendCloseTime = 3 * time.Second
	// lingerTime bounds the wait for the client's answer. Closing with unread input
	// would send RST and lose the code.
	lingerTime = time.Second
)

// reader is the session's reader goroutine, which reads until the connection ends. Every
// stack frame counts: of a stack of 2 KiB the runtime keeps 928 bytes for itself, and
// waiting takes all but 100 of the rest; a stack that has grown stays large. It is a
// func value because a method would add a frame.
func (s *session) reader() func() {
	return func() {
		defer s.readEnded()
		s.ws.ReadLoop()
	}
}

// readEnded is deferred by the reader. A panic in gws ends this connection only.
func (s *session) readEnded() {
	defer s.srv.readers.Done()
	if r := recover(); r != nil {
		s.srv.m.panics.Inc()
		s.srv.log.Error("reading from a connection panicked; it was closed", "panic", r)
		s.sock.peerGone()
	}
	s.linger()
	s.closeSocket()
	s.life.Store(lifeReadEnded)
	s.schedule()
}

// linger waits until the consumer has written the close frame, then until the client
// closes its side. Each wait has a bound of its own: a client that is slow to read may
// still be quick to answer.
func (s *session) linger() {
	if s.sock.state.Load() == socketGone || s.closeFrame.Load() == nil {
		return
	}
	limit := time.NewTimer(s.srv.sendCloseTime)
	defer limit.Stop()
	select {
	case <-s.flushed:
	case <-limit.C:
		return
	}
	s.sock.closeWrite()
	_ = s.sock.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.Copy(io.Discard, io.LimitReader(onlyReader{s.sock.Conn}, 1<<20))
}

// onlyReader hides WriteTo, which would read beyond the limit.
type onlyReader struct{ net.Conn }

// handler receives the callbacks of gws, on the reader goroutine of the connection's
// session.
type handler struct{ gws.BuiltinEventHandler }

func sessionOf(c *gws.Conn) *session { return c.NetConn().(*socket).sess }

// OnMessage passes a request on to the dispatchers.
func (handler) OnMessage(c *gws.Conn, m *gws.Message) {
	s := sessionOf(c)
	in := new(message)
	if m.Opcode == gws.OpcodeBinary {
		in.compressed = s.sock.frames.takeMark()
	}
	if m.Opcode == gws.OpcodeText || in.compressed {
		in.data = append([]byte(nil), m.Bytes()...)
	}
	_ = m.Close()
	s.inbox.put(in)
	s.schedule()
}

// OnPing queues the answer to a ping, in place of one that is still unsent (RFC 6455,
// section 5.5.3).
func (handler) OnPing(c *gws.Conn, payload []byte) {
	s := sessionOf(c)
	s.countPing()
	pong := shard.NewControl(append([]byte{0x80 | 0xa, byte(len(payload))}, payload...))
	if before := s.pong.Swap(s.countReply(pong)); before != nil {
		s.uncountReply(before)
	}
	s.conn.Schedule()
}

// OnPong notes that the client is alive.
func (handler) OnPong(c *gws.Conn, _ []byte) { sessionOf(c).missedPongs.Store(0) }
