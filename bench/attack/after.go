package attack

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Attacks after the upgrade, with a good token.

// Opcodes and flags of frames (RFC 6455, section 5.2; RFC 7692).
const (
	final      = 0x80
	compressed = 0x40
	opText     = 0x1
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xa
	masked     = 0x80
)

// frame is one of a client, masked with zeros.
func frame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

func text(format string, v ...any) []byte {
	return frame(final|opText, fmt.Appendf(nil, format, v...))
}

// inflated is what a bomb inflates to: as much as 4 KB can hold.
const inflated = 3_900_000

// bomb is one compressed frame.
func bomb() []byte {
	var b bytes.Buffer
	z, _ := flate.NewWriter(&b, flate.BestCompression) // fails for an unknown level only
	_, _ = z.Write(bytes.Repeat([]byte("a"), inflated))
	_ = z.Flush()
	return frame(final|compressed|opText, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
}

// DeafStay is how long a client that never reads stays, if the server allows it.
const DeafStay = 5 * time.Second

// neverRead subscribes and never reads.
func (a *attacker) neverRead() {
	if a.conn != nil && time.Since(a.conn.since) < DeafStay {
		return
	}
	if !a.enter(true) {
		return
	}
	if a.write(text(`{"type":"subscribe","id":"1","topic":"event:%s"}`, a.s.cfg.Event)) {
		a.made(1)
	}
}

// flood sends pings, of the protocol and of frames, and requests of an unknown
// type, whatever is answered.
func (a *attacker) flood() {
	a.pour(func(i int) []byte {
		switch i % 4 {
		case 0:
			return text(`{"type":"what","id":"%d"}`, i)
		case 1:
			return frame(final|opPing, []byte("flood"))
		}
		return text(`{"type":"ping","id":"%d"}`, i)
	})
}

// subscribeAgain subscribes and unsubscribes, whatever is answered.
func (a *attacker) subscribeAgain() {
	verbs := [...]string{"subscribe", "unsubscribe"}
	a.pour(func(i int) []byte {
		return text(`{"type":"%s","id":"%d","topic":"event:%s"}`, verbs[i%2], i, a.s.cfg.Event)
	})
}

// openSession opens a session and subscribes to 60 events that nobody else asks
// for, so that each is a question of its own to the platform. The session stays
// until the attacker opens its next one.
func (a *attacker) openSession() {
	const events = 60
	if !a.enterWith(false, a.s.cfg.Asked) {
		return
	}
	a.readAnswers()
	c := a.conn
	var batch []byte
	for i := range events {
		batch = append(batch, text(`{"type":"subscribe","id":"%d","topic":"event:none-%s-%d"}`, i, c.LocalAddr(), i)...)
	}
	_ = c.SetWriteDeadline(time.Now().Add(waitLimit))
	if _, err := c.Write(batch); err == nil {
		a.made(1)
	}
}

// ping is one of many, all of the same length.
var ping = text(`{"type":"ping","id":"0123456789"}`)

// pingUnread sends pings for as long as they are taken, and reads just enough of
// the answers not to count as a client that never reads.
func (a *attacker) pingUnread() {
	const pings, read = 2000, 4096
	if a.conn == nil {
		a.enter(true)
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
		a.note("paused") // the server does not read on
	}
	_ = a.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	answers := make([]byte, read)
	got, err := io.ReadFull(a.conn.r, answers)
	if bytes.Contains(answers[:got], []byte("rate_limited")) {
		a.note("error rate_limited")
	}
	a.stopped(err)
}

// stopped reports whether the connection has ended. A time-out of the attacker's
// own is no end.
func (a *attacker) stopped(err error) bool {
	var t interface{ Timeout() bool }
	if err == nil || errors.As(err, &t) && t.Timeout() {
		return false
	}
	a.lose(err)
	return true
}

// readAnswers starts the goroutine that reads what comes over the connection,
// until it ends.
func (a *attacker) readAnswers() {
	c := a.conn
	_ = c.SetDeadline(time.Time{})
	a.reading.Go(func() {
		defer close(c.closed)
		a.listen(c)
	})
}

// pour writes a burst of requests while a goroutine reads the answers.
func (a *attacker) pour(request func(i int) []byte) {
	if a.ended() {
		if !a.enter(false) {
			return
		}
		a.readAnswers()
	}
	var batch []byte
	for i := range a.kind.burst {
		batch = append(batch, request(i)...)
	}
	_ = a.conn.SetWriteDeadline(time.Now().Add(waitLimit))
	if _, err := a.conn.Write(batch); err == nil {
		a.made(a.kind.burst)
	}
}

// sendBomb sends a bomb.
func (a *attacker) sendBomb() {
	if a.enter(false) && a.write(a.s.bomb) {
		a.made(1)
		a.await()
	}
}

// sendMalformed sends one of the malformed frames.
func (a *attacker) sendMalformed() {
	if a.enter(false) && a.write(malformed[(a.attempts+a.number)%len(malformed)]) {
		a.made(1)
		a.await()
	}
}

// malformed are frames that a server must not take.
var malformed = [][]byte{
	{final | opText, 1, 'a'},                                              // without a mask
	frame(final|0x20|opText, []byte("{}")),                                // reserved bits
	frame(final|0x3, nil),                                                 // an opcode that is none
	frame(final, []byte("a")),                                             // continues nothing
	frame(opPing, nil),                                                    // a control frame in parts
	frame(final|opPing, bytes.Repeat([]byte("a"), 126)),                   // a control frame too long
	frame(final|opText, []byte("\xff\xfe")),                               // not UTF-8
	frame(final|opText, bytes.Repeat([]byte("a"), 70_000)),                // too big
	frame(final|opClose, []byte{3, 0xed}),                                 // a close code that may not be sent (1005)
	frame(final|opClose, []byte{3}),                                       // half a close code
	{final | opText, masked | 126, 0, 1, 0, 0, 0, 0, 'a'},                 // a length that is not minimal
	{final | opText, masked | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, // a negative length
}
