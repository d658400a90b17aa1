package live

import (
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lxzan/gws"

	"pitwall/codec"
	"pitwall/shard"
)

// lingerTime bounds how long a closing connection waits for the close frame to
// be written and for the client's answer. Closing with unread input would send
// RST and lose the code.
const lingerTime = time.Second

// watch is a topic that a session has subscribed to.
type watch struct {
	topic    *shard.Topic
	interval time.Duration
	trust    trust
}

// watchOf is the session's watch of an event, nil for none. The dispatchers
// call it.
func (s *session) watchOf(event string) *watch {
	for _, w := range s.topics {
		if w.topic.Event() == event {
			return w
		}
	}
	return nil
}

// unwatch takes w off the session's list. The dispatchers call it.
func (s *session) unwatch(w *watch) {
	s.topics = slices.DeleteFunc(s.topics, func(other *watch) bool { return other == w })
	s.watches.Add(-s.srv.watchCost())
	s.srv.m.subscriptions.Dec()
}

// session is one connection of a spectator.
type session struct {
	hot
	id   uint64
	srv  *Server
	sock *socket
	ws   *gws.Conn
	who  any
	from client // for the limits
	standing

	account
	inbox inbox // handed from the reader to the dispatchers

	// The dispatchers' side: one of them at a time.
	next      *session      // link in the dispatch queue
	state     atomic.Uint32 // sessionIdle or sessionQueued
	command   atomic.Uint32 // commandNone…
	then      func()        // what follows the command under way
	ending    atomic.Bool   // reading has ended: leave
	left      atomic.Bool   // the leave command was given
	topics    []*watch      // few: a map would take 250 bytes
	credits   bucket
	throttled atomic.Bool // the next request waits, see throttle

	losses  shard.Losses  // the writer's side, as front
	pings   bucket        // frames of that kind; the reader's
	missed  atomic.Int32  // pings without an answer
	wait    atomic.Uint32 // waitNone…, for an allowance
	flushed chan struct{} // closed when the writer has done its last write
	paid    atomic.Int64  // when what the session has drawn will be paid for; see overdraft
}

// hot is what a turn of the writer needs of a session beside its conn: one
// cache line, the first (see TestHotIsOneCacheLine).
type hot struct {
	conn *shard.Conn
	gate gate

	// The writer's side: the writer, or the goroutine that waits for the socket.
	front  []item
	opened bool // the answer to the handshake was written
	over   bool // the close frame was written, or the socket has failed

	stalled atomic.Bool                 // requests wait until the queue is written; see stall
	last    atomic.Pointer[shard.Chunk] // the close frame, once there is one
	pong    atomic.Pointer[shard.Chunk] // the answer to the last ping, not yet taken by the writer
}

// bucket is a token bucket: rate per second, filled up to burst. Every session has
// two, so it is small: with more than 512 bytes a session would not begin with a
// cache line.
type bucket struct {
	credits float64
	at      int64 // ns since bucketEpoch; 0 for one that was not used
}

var bucketEpoch = time.Now()

func (b *bucket) take(rate, burst float64, now time.Time) bool {
	if b.fill(rate, burst, now); b.credits < 1 {
		return false
	}
	b.credits--
	return true
}

// reserve takes a credit, if need be one that will be there after wait. ok is
// false where that is longer than most; nothing is taken then.
func (b *bucket) reserve(rate, burst float64, most time.Duration, now time.Time) (wait time.Duration, ok bool) {
	b.fill(rate, burst, now)
	wait = time.Duration(max(0, 1-b.credits) / rate * float64(time.Second))
	if wait > most {
		return 0, false
	}
	b.credits--
	return wait, true
}

// fill adds what has come since the last time; it begins full.
func (b *bucket) fill(rate, burst float64, now time.Time) {
	at := int64(now.Sub(bucketEpoch))
	if b.at == 0 {
		b.credits = burst
	} else {
		b.credits = min(burst, b.credits+time.Duration(at-b.at).Seconds()*rate)
	}
	b.at = at
}

// reader is the session's reader goroutine, which reads until the connection
// ends. Every frame counts: the runtime keeps 928 bytes of a stack of 2 KiB for
// itself, waiting takes all but 100 of the rest, and a stack that has grown
// stays so. This is a func value because a method would get a frame more.
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
		s.sock.leave()
	}
	s.linger()
	s.hangUp()
	s.ending.Store(true)
	s.schedule()
}

// linger lets the writer send the close frame, then waits for the client to
// close its side.
func (s *session) linger() {
	if s.sock.gone.Load() || s.last.Load() == nil {
		return
	}
	limit := time.NewTimer(lingerTime)
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

// onlyReader hides ReadFrom and friends.
type onlyReader struct{ net.Conn }

// ownCodes is where the codes of applications begin. gws answers a client's
// close frame with 1000, or with its own code from here on; the rest of what
// it closes with is our verdict (RFC 6455, section 7.4).
const ownCodes = 3000

// close sends a close frame with code and ends the session; first is false for
// one that was ended before. Any goroutine may call it.
func (s *session) close(code uint16, reason string) (first bool) {
	first = s.ws.WriteClose(code, []byte(reason)) == nil
	if first && code >= ownCodes {
		s.srv.m.closed(code)
	}
	return first
}

// closing reports whether s has been ended. Any goroutine may call it.
func (s *session) closing() bool { return s.last.Load() != nil || s.sock.gone.Load() }

// cut ends the connection without a word. Any goroutine may call it.
func (s *session) cut() {
	s.sock.gone.Store(true)
	s.sock.state.Store(socketClosed)
	s.inbox.end()
	s.hangUp()
}

// hangUp closes the socket. Any goroutine may call it.
func (s *session) hangUp() {
	s.conn.Close()
	if s.gate.shut() {
		_ = s.sock.Conn.Close()
	}
}

// refuse ends a connection whose bytes are no WebSocket frames.
func (s *session) refuse(why string) { s.close(1002, why) }

// reply queues one frame.
func (s *session) reply(frame []byte) { s.push(shard.NewControl(frame)) }

func (s *session) fail(id, code, message string) {
	s.srv.m.refused(code)
	s.reply(codec.AppendError(nil, id, code, message))
}

// handler receives gws' callbacks, on the reader goroutine of the session that
// the connection belongs to.
type handler struct{ gws.BuiltinEventHandler }

func sessionOf(c *gws.Conn) *session { return c.NetConn().(*socket).sess }

// OnMessage hands a request over.
func (handler) OnMessage(c *gws.Conn, m *gws.Message) {
	s := sessionOf(c)
	in := new(message)
	if m.Opcode == gws.OpcodeBinary {
		in.deflated = s.sock.follow.deflated()
	}
	if m.Opcode == gws.OpcodeText || in.deflated {
		in.data = append([]byte(nil), m.Bytes()...)
	}
	_ = m.Close()
	s.inbox.put(in)
	s.schedule()
}

// OnPing keeps the answer to the newest ping only (RFC 6455, section 5.5.3).
func (handler) OnPing(c *gws.Conn, payload []byte) {
	s := sessionOf(c)
	s.pinged()
	pong := shard.NewControl(append([]byte{0x80 | 0xa, byte(len(payload))}, payload...))
	if before := s.pong.Swap(s.owe(pong)); before != nil {
		s.repay(before)
	}
	s.conn.Schedule()
}

// OnPong notes that the client is there.
func (handler) OnPong(c *gws.Conn, _ []byte) { sessionOf(c).missed.Store(0) }
