package attack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// await reads until the connection ends.
func (a *attacker) await() {
	_ = a.conn.SetDeadline(time.Now().Add(waitLimit))
	a.listen(a.conn)
	a.hangUp()
}

// listen takes note of close codes and of answers to requests. It skips
// positions.
func (a *attacker) listen(c *conn) {
	for {
		head, err := c.r.Peek(2)
		if err != nil {
			a.note(ending(err))
			return
		}
		op, n, skip := head[0]&0xf, int(head[1]&0x7f), 2
		if n >= 126 {
			skip = map[int]int{126: 4, 127: 10}[n]
			if head, err = c.r.Peek(skip); err != nil {
				a.note(ending(err))
				return
			}
			n = 0
			for _, b := range head[2:skip] {
				n = n<<8 | int(b)
			}
		}
		_, _ = c.r.Discard(skip) // was peeked
		begin, _ := c.r.Peek(min(n, 160))
		switch {
		case op == opClose && len(begin) >= 2:
			a.note(fmt.Sprintf("close %d", binary.BigEndian.Uint16(begin)))
			return
		case op == opText:
			a.noteFrame(begin)
		case op == opPong:
			a.note("pong of a frame")
		}
		if _, err := io.CopyN(io.Discard, c.r, int64(n)); err != nil {
			a.note(ending(err))
			return
		}
	}
}

// noteFrame takes note of the answer to a request.
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
