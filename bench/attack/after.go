package attack

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"pitwall/bench/internal/wire"
)

// Attacks after the upgrade, with a valid token.

// frame is a client's frame that begins with this byte.
func frame(first byte, payload []byte) []byte { return wire.AppendFrame(nil, first, payload) }

func text(format string, v ...any) []byte {
	return frame(wire.Final|wire.Text, fmt.Appendf(nil, format, v...))
}

// inflated is the size of an inflated bomb: the most that 4 KB can hold.
const inflated = 3_900_000

// bomb is a compressed frame.
func bomb() []byte {
	var b bytes.Buffer
	z, _ := flate.NewWriter(&b, flate.BestCompression) // fails only for an unknown level
	_, _ = z.Write(bytes.Repeat([]byte("a"), inflated))
	_ = z.Flush()
	return frame(wire.Final|wire.Compressed|wire.Text, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
}

// DeafStay is how long a client that never reads stays connected, if the server
// lets it.
const DeafStay = 5 * time.Second

// neverRead subscribes and never reads.
func (a *attacker) neverRead() {
	if a.conn != nil && time.Since(a.conn.since) < DeafStay {
		return
	}
	if a.enter(true, a.s.cfg.Good) && a.write(text(`{"type":"subscribe","id":"1","topic":"event:%s"}`, a.s.cfg.Event)) {
		a.made(1)
	}
}

// flood sends ping requests, ping frames and requests of an unknown type, without
// waiting for the answers.
func (a *attacker) flood() {
	a.pour(func(i int) []byte {
		switch i % 4 {
		case 0:
			return text(`{"type":"what","id":"%d"}`, i)
		case 1:
			return frame(wire.Final|wire.Ping, []byte("flood"))
		}
		return text(`{"type":"ping","id":"%d"}`, i)
	})
}

// subscribeAgain subscribes and unsubscribes, without waiting for the answers.
func (a *attacker) subscribeAgain() {
	verbs := [...]string{"subscribe", "unsubscribe"}
	a.pour(func(i int) []byte {
		return text(`{"type":"%s","id":"%d","topic":"event:%s"}`, verbs[i%2], i, a.s.cfg.Event)
	})
}

// openSession opens a session and subscribes to 60 events that nobody else asks for,
// so that the engine must ask the platform about each. The session lasts until the
// attacker opens its next one.
func (a *attacker) openSession() {
	const events = 60
	if !a.enter(false, a.s.cfg.Asked) {
		return
	}
	a.readAnswers()
	c := a.conn
	var batch []byte
	for i := range events {
		batch = append(batch, text(`{"type":"subscribe","id":"%d","topic":"event:none-%s-%d"}`, i, c.LocalAddr(), i)...)
	}
	a.send(batch, 1)
}

// ping is a ping request. All have the same length.
var ping = text(`{"type":"ping","id":"0123456789"}`)

// pingUnread sends pings until the socket is full, and reads just enough of the
// answers not to be treated as a client that never reads.
func (a *attacker) pingUnread() {
	const pings, read = 2000, 4096
	if a.conn == nil {
		a.enter(true, a.s.cfg.Good)
		return
	}
	if time.Since(a.conn.since) < Idle {
		return
	}
	_ = a.conn.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	n, err := a.conn.Write(bytes.Repeat(ping, pings)[a.conn.sent:])
	a.made((a.conn.sent + n) / len(ping))
	a.conn.sent = (a.conn.sent + n) % len(ping)
	if a.stopped(err) {
		return
	}
	if err != nil {
		a.note("paused") // the server has stopped reading
	}
	_ = a.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	answers := make([]byte, read)
	got, err := io.ReadFull(a.conn.r, answers)
	if bytes.Contains(answers[:got], []byte("rate_limited")) {
		a.note("error rate_limited")
	}
	a.stopped(err)
}

// stopped reports whether an error is the end of the connection. The attacker's own
// time-out is not.
func (a *attacker) stopped(err error) bool {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	a.lose(err)
	return true
}

// readAnswers starts a goroutine that reads answers until the connection ends.
func (a *attacker) readAnswers() {
	c := a.conn
	_ = c.SetDeadline(time.Time{})
	a.reading.Go(func() {
		defer close(c.closed)
		a.listen(c)
	})
}

// pour sends a burst of requests while a goroutine reads the answers.
func (a *attacker) pour(request func(i int) []byte) {
	if a.ended() {
		if !a.enter(false, a.s.cfg.Good) {
			return
		}
		a.readAnswers()
	}
	var batch []byte
	for i := range a.kind.burst {
		batch = append(batch, request(i)...)
	}
	a.send(batch, a.kind.burst)
}

// send sends n attacks without looking at the answers. The goroutine that reads the
// answers notices the end of the connection.
func (a *attacker) send(b []byte, n int) {
	_ = a.conn.SetWriteDeadline(time.Now().Add(waitLimit))
	if _, err := a.conn.Write(b); err == nil {
		a.made(n)
	}
}

// sendBomb sends a bomb.
func (a *attacker) sendBomb() {
	a.sendFrame(a.s.bomb)
}

// sendMalformed sends one of the malformed frames.
func (a *attacker) sendMalformed() {
	a.sendFrame(malformed[(a.attempts+a.number)%len(malformed)])
}

// sendFrame sends a frame on a new connection and reads until the server closes it.
func (a *attacker) sendFrame(b []byte) {
	if !a.enter(false, a.s.cfg.Good) || !a.write(b) {
		return
	}
	a.made(1)
	_ = a.conn.SetDeadline(time.Now().Add(waitLimit))
	a.listen(a.conn)
	a.hangUp()
}

// malformed are frames that a server must reject.
var malformed = [][]byte{
	{wire.Final | wire.Text, 1, 'a'},                                                   // not masked
	frame(wire.Final|0x20|wire.Text, []byte("{}")),                                     // reserved bits
	frame(wire.Final|0x3, nil),                                                         // an unknown opcode
	frame(wire.Final, []byte("a")),                                                     // a continuation of nothing
	frame(wire.Ping, nil),                                                              // a fragmented control frame
	frame(wire.Final|wire.Ping, bytes.Repeat([]byte("a"), 126)),                        // a control frame that is too long
	frame(wire.Final|wire.Text, []byte("\xff\xfe")),                                    // not UTF-8
	frame(wire.Final|wire.Text, bytes.Repeat([]byte("a"), 70_000)),                     // too big
	frame(wire.Final|wire.Close, []byte{3, 0xed}),                                      // a close code that may not be sent (1005)
	frame(wire.Final|wire.Close, []byte{3}),                                            // an incomplete close code
	{wire.Final | wire.Text, wire.Masked | 126, 0, 1, 0, 0, 0, 0, 'a'},                 // a length that is not minimal
	{wire.Final | wire.Text, wire.Masked | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, // a negative length
}
