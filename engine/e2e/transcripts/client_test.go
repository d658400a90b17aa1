package transcripts

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// frame is what a client received, with its JSON as it is compared.
type frame struct {
	e2etest.Frame
	json any
}

// client is a spectator whose frames a transcript takes one by one.
type client struct {
	*e2etest.Client
	name   string
	order  *e2etest.Order // of the connection's goroutine
	frames chan frame     // closed after the last
	pings  int            // sent by barrier
}

// dial connects a spectator, or returns the status that refused it.
func dial(addr, name, query string, header http.Header) (*client, int, error) {
	c := &client{name: name, order: e2etest.NewOrder(), frames: make(chan frame, 4096)}
	var status int
	var err error
	c.Client, status, err = e2etest.Connect(addr, query, header, c.receive)
	return c, status, err
}

// receive runs on the connection's goroutine.
func (c *client) receive(f e2etest.Frame) {
	got := frame{Frame: f}
	if f.Err == nil {
		var err error
		got.json, err = parseJSON(f.Text)
		if err = errors.Join(err, c.order.Check(&f)); err != nil {
			got.Err = fmt.Errorf("%s: %w", f.Text, err)
		}
	}
	c.frames <- got
	if f.Ended {
		close(c.frames)
	}
}

var errNothing = errors.New("nothing came")

// next returns the next frame, or errNothing after the time given.
func (c *client) next(within time.Duration) (frame, error) {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case f, open := <-c.frames:
		if !open {
			return f, errors.New("the connection has ended before")
		}
		return f, f.Err
	case <-t.C:
		return frame{}, errNothing
	}
}

// barrier returns the frames that come before the answer to a ping: those that the
// server had queued for this client by then.
func (c *client) barrier() ([]frame, error) {
	c.pings++
	id := fmt.Sprintf("silence-%d", c.pings)
	if err := c.Send(`{"type":"ping","id":"` + id + `"}`); err != nil {
		return nil, err
	}
	var before []frame
	for {
		f, err := c.next(e2etest.Patience)
		if err != nil {
			return before, err
		}
		// Any answer will do: the client may have no requests left.
		if o, ok := f.json.(*object); ok && o.m["id"] == id {
			return before, nil
		}
		before = append(before, f)
	}
}
