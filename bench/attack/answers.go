package attack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"pitwall/bench/internal/wire"
	"pitwall/codec"
)

// listen counts close codes and answers to requests until the connection ends. It
// skips positions.
func (a *attacker) listen(c *conn) {
	for {
		size, first, begin, err := peekFrame(c.r)
		switch op := first & 0xf; {
		case err != nil:
		case op == wire.Close && len(begin) >= 2:
			a.note(fmt.Sprintf("close %d", binary.BigEndian.Uint16(begin)))
			return
		case op == wire.Text:
			a.noteFrame(begin)
		case op == wire.Pong:
			a.note("pong of a frame")
		}
		if err == nil {
			_, err = io.CopyN(io.Discard, c.r, size)
		}
		if err != nil {
			a.note(ending(err))
			return
		}
	}
}

// peekFrame returns the size of the next frame, its first byte, and the beginning
// of its payload.
func peekFrame(r *bufio.Reader) (size int64, _ byte, begin []byte, err error) {
	head, err := r.Peek(2)
	if err != nil {
		return 0, 0, nil, err
	}
	first, n := head[0], codec.FrameHeaderLen(head) // head is valid until the next Peek
	if head, err = r.Peek(n); err != nil {
		return 0, 0, nil, err
	}
	length := int64(min(codec.FramePayloadLen(head), 1<<40))
	begin, _ = r.Peek(n + int(min(length, 160)))
	return int64(n) + length, first, begin[min(n, len(begin)):], nil
}

// noteFrame counts the answer to a request.
func (a *attacker) noteFrame(m []byte) {
	word := func(key string) string {
		_, rest, _ := bytes.Cut(m, []byte(key))
		w, _, _ := bytes.Cut(rest, []byte(`"`))
		return string(w)
	}
	switch kind := word(`"type":"`); kind {
	case "error":
		a.note("error " + word(`"code":"`))
	case "pong", "subscribed", "unsubscribed":
		a.note(kind)
	}
}
