package live

import (
	"sync/atomic"
	"time"

	"github.com/lxzan/gws"

	"pitwall/codec"
	"pitwall/shard"
)

// session is one connection of a spectator.
//
// # Owners and states
//
// Each state has one word and one owner. shard.Conn has the state that says which
// goroutine may take from the queue.
//
//	socket.state (reading)       the reader, package gws on its goroutine, or cut
//	    socketOpen -> socketClosing -> socketClosed   socket.Close: we end the connection
//	    socketOpen -> socketGone                      the peer has gone
//	    any        -> socketGone                      cut
//
//	outbox.phase (sending)       the consumer: the writer, or the goroutine of a parked session
//	    sendHandshake -> sendFrames                   the answer to the handshake is written
//	    any           -> sendEnded                    the close frame is written, or the socket failed
//
//	life                         the reader, then the dispatchers
//	    lifeReading -> lifeReadEnded                  readEnded: the reader has ended
//	    lifeReadEnded -> lifeLeft                     leave: its last command is with the shards
//
//	dispatching                  the goroutine that moves it from idle queues the session
//	    dispatchIdle -> dispatchQueued                schedule
//	    dispatchQueued -> dispatchIdle                the dispatcher that has it: idle
//
//	command                      the dispatchers, one command at a time
//	    commandNone -> commandUnderWay                begin
//	    commandUnderWay -> commandDone                the last shard
//	    commandDone -> commandNone                    step
//
// A close goes through them in this order: closeFrame is set (close, or gws), the
// consumer writes it (sendEnded, flushed is closed), the reader lingers and closes
// the socket (lifeReadEnded), a dispatcher leaves all topics (lifeLeft), and when
// the shards have carried that out the server forgets the session.
type session struct {
	outbox
	id   uint64
	srv  *Server
	sock *socket
	ws   *gws.Conn
	addr addrKey // for the limits

	identity any // of the client; the dispatchers' own
	authState

	account
	inbox inbox // from the reader to the dispatchers

	// The dispatchers' side: one of them at a time.
	next         *session // link in the dispatch queue
	dispatching  atomic.Uint32
	command      atomic.Uint32
	afterCommand func() // follows the command under way; nil for nothing
	life         atomic.Uint32
	requests     bucket
	throttled    atomic.Bool // the next request waits; see throttle

	subscriptions []*subscription // few: a map would take 250 bytes
	throttleTimer *time.Timer     // ends the last throttle; nil for none

	losses        shard.Losses  // the consumer's, as is outbox
	pings         bucket        // of ping frames; the reader's
	missedPongs   atomic.Int32  // pings without an answer
	allowanceWait atomic.Uint32 // allowanceNone…
	waitsSince    atomic.Int64  // of a parked session: when its oldest unsent frame was made, ns of the core's clock; 0: not parked
	flushed       chan struct{} // closed by the consumer when the close frame is written
	paidUntil     atomic.Int64  // when the session's snapshots are paid off, ns of the core's clock; see snapshotDebt
}

// Values of session.life.
const (
	lifeReading = iota
	lifeReadEnded
	lifeLeft
)

// subscription is a topic that a session has subscribed to. The dispatchers own it.
type subscription struct {
	topic    *shard.Topic
	interval time.Duration
	longest  time.Duration // of the intervals that it had: so much later its positions are sent

	confirmation confirmation
}

// subscription is the session's subscription to an event, nil for none. The dispatchers
// call it.
func (s *session) subscription(event string) *subscription {
	for _, sub := range s.subscriptions {
		if sub.topic.Event() == event {
			return sub
		}
	}
	return nil
}

// ownCodes is the first close code for applications (RFC 6455, section 7.4). gws answers
// a client's close frame with 1000, or with the client's code from here on. Every other
// code that it closes with is the server's decision.
const ownCodes = 3000

// close sends a close frame and ends the session. first is false if the session was
// ended before. Any goroutine may call it.
func (s *session) close(code uint16, reason string) (first bool) {
	first = s.ws.WriteClose(code, []byte(reason)) == nil
	if first && code >= ownCodes {
		s.srv.m.closed(code)
	}
	return first
}

// closing reports whether s was ended. Any goroutine may call it.
func (s *session) closing() bool {
	return s.closeFrame.Load() != nil || s.sock.state.Load() == socketGone
}

// cut ends the connection without a close frame. Any goroutine may call it.
func (s *session) cut() {
	s.sock.state.Store(socketGone)
	s.inbox.end()
	s.closeSocket()
}

// closeSocket closes the socket, or leaves that to the writer if it is using it. Any
// goroutine may call it.
func (s *session) closeSocket() {
	s.conn.Close()
	if s.fd.shut() {
		_ = s.sock.Conn.Close()
	}
}

// reply queues one frame for s alone. Any goroutine may call it.
func (s *session) reply(frame []byte) { s.push(shard.NewControl(frame)) }

// replyError queues an error frame in answer to a request.
func (s *session) replyError(id, code, message string) {
	s.srv.m.refused(code)
	s.reply(codec.AppendError(nil, id, code, message))
}
