package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// patience bounds every wait of a story. It is long for a machine that is
// busy; nothing waits for it when all is well.
const patience = 20 * time.Second

// httpClient keeps no connections, so that no goroutine outlives a test.
var httpClient = &http.Client{
	Timeout:   patience,
	Transport: &http.Transport{DisableKeepAlives: true},
}

// frame is what a client received: one text message, or the end.
type frame struct {
	text string
	json any
	err  error // the connection has ended, or the frame broke a rule
}

// client is a spectator, by another library than the server's.
type client struct {
	name   string
	conn   *websocket.Conn
	frames chan frame // closed behind the last
	ended  sync.WaitGroup
	pings  int // sent by silence
}

// dial connects a spectator, or returns the status that refused it.
func dial(addr, name, query string, header http.Header) (*client, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var protocols []string
	if offered := header.Get("Sec-WebSocket-Protocol"); offered != "" {
		protocols = strings.Split(offered, ", ")
		header.Del("Sec-WebSocket-Protocol")
	}
	conn, answer, err := websocket.Dial(ctx, "ws://"+addr+"/live"+query,
		&websocket.DialOptions{HTTPClient: httpClient, HTTPHeader: header, Subprotocols: protocols})
	status := 0
	if answer != nil {
		status = answer.StatusCode
	}
	if err != nil {
		return nil, status, err
	}
	conn.SetReadLimit(1 << 20)
	c := &client{name: name, conn: conn, frames: make(chan frame, 4096)}
	c.ended.Go(c.read)
	return c, status, nil
}

// read is the client's goroutine. It ends with the connection.
func (c *client) read() {
	defer close(c.frames)
	order := newWatcher()
	for {
		kind, data, err := c.conn.Read(context.Background())
		if err != nil {
			c.frames <- frame{err: err}
			return
		}
		f := frame{text: string(data)}
		if kind != websocket.MessageText {
			f.err = fmt.Errorf("a message that is no text: %q", data)
		} else if f.json, f.err = parseJSON(f.text); f.err != nil {
			f.err = fmt.Errorf("%s: %w", data, f.err)
		} else {
			f.err = order.observe(f.json)
		}
		c.frames <- f
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
		if f.err != nil {
			return f, f.err
		}
		return f, nil
	case <-t.C:
		return frame{}, errNothing
	}
}

func (c *client) send(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, []byte(text))
}

// barrier returns the frames that come before the answer to a ping: what the
// server had queued for this client before.
func (c *client) barrier() ([]frame, error) {
	c.pings++
	id := fmt.Sprintf("silence-%d", c.pings)
	if err := c.send(`{"type":"ping","id":"` + id + `"}`); err != nil {
		return nil, err
	}
	var before []frame
	for {
		f, err := c.next(patience)
		if err != nil {
			return before, err
		}
		// Any answer will do: the story may have used up what it may ask.
		if o, ok := f.json.(*object); ok && o.m["id"] == id {
			return before, nil
		}
		before = append(before, f)
	}
}

// end closes the connection from the client's side, and waits for its
// goroutine.
func (c *client) end() {
	_ = c.conn.Close(websocket.StatusNormalClosure, "") // it may have ended before
	_ = c.conn.CloseNow()
	c.ended.Wait()
}
