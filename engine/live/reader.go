package live

import (
	"io"
	"net"
	"time"

	"github.com/lxzan/gws"

	"pitwall/shard"
)

// Bounds of the end of a connection that the server closes. Together they are
// less than what a shutdown allows beyond the drain time, so that the last
// connection of a drain is told its code, too.
const (
	// sendCloseTime bounds how long the socket may take to accept the close frame
	// and the rest of the frame before it. A slow client has to read for that, and
	// a busy machine has to run the consumer.
	sendCloseTime = 3 * time.Second
	// lingerTime bounds how long the client's answer is waited for. Closing with
	// unread input would send RST and lose the code.
	lingerTime = time.Second
)

// reader is the session's reader goroutine, which reads until the connection
// ends. Every stack frame counts: the runtime keeps 928 bytes of a stack of 2 KiB
// for itself, waiting takes all but 100 of the rest, and a stack that has grown
// stays so. It is a func value because a method would add a frame.
func (s *session) reader() func() {
	return func() {
		defer s.readEnded()
		s.ws.ReadLoop()
	}
}

// readEnded is deferred by the reader. A panic in the library ends this
// connection only.
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

// linger lets the consumer send the close frame, then waits for the client to
// close its side. Each wait has a bound of its own: a client that is slow to read
// may still be quick to answer.
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

// onlyReader hides WriteTo, which would read without the limit.
type onlyReader struct{ net.Conn }

// handler receives the callbacks of package gws, on the reader goroutine of the
// session that the connection belongs to.
type handler struct{ gws.BuiltinEventHandler }

func sessionOf(c *gws.Conn) *session { return c.NetConn().(*socket).sess }

// OnMessage hands a request over to the dispatchers.
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

// OnPing keeps the answer to the newest ping only (RFC 6455, section 5.5.3).
func (handler) OnPing(c *gws.Conn, payload []byte) {
	s := sessionOf(c)
	s.countPing()
	pong := shard.NewControl(append([]byte{0x80 | 0xa, byte(len(payload))}, payload...))
	if before := s.pong.Swap(s.owe(pong)); before != nil {
		s.repay(before)
	}
	s.conn.Schedule()
}

// OnPong notes that the client is there.
func (handler) OnPong(c *gws.Conn, _ []byte) { sessionOf(c).missedPongs.Store(0) }
