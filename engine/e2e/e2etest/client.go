package e2etest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// readLimit is above the largest frame that a server may send.
const readLimit = 64 << 20

// Frame is what a client received: one text message, or the end of the
// connection.
type Frame struct {
	Text string
	// Err is what is wrong with the frame; after the last frame it is why the
	// connection has ended.
	Err   error
	Ended bool

	FrameFields
}

// FrameFields are the members of frames that tests look at.
type FrameFields struct {
	Type, Topic, Reason, Instance string
	Parts                         int
	Position                      // of a position frame
	Positions                     []Position
	Added, Removed                []string
}

// Position is a position in a frame, with latitude and longitude as they were
// written.
type Position struct {
	DeviceID   string
	TS         int64
	Lat, Lon   json.Number
	Attributes json.RawMessage
}

// Client is a spectator's connection. Its library is not that of the server.
type Client struct {
	conn  *websocket.Conn
	ended sync.WaitGroup
}

// Connect connects a spectator to /live, or returns the status that refused
// the handshake (0 where there was no answer). query begins with a question
// mark or is empty. A goroutine calls receive for each frame in order, last
// with the end; receive may be nil. The header Sec-WebSocket-Protocol is
// offered as a list of subprotocols.
func Connect(addr, query string, header http.Header, receive func(Frame)) (*Client, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	options := &websocket.DialOptions{HTTPClient: HTTP, HTTPHeader: header.Clone()}
	if offered := header.Get("Sec-WebSocket-Protocol"); offered != "" {
		options.Subprotocols = strings.Split(offered, ", ")
		options.HTTPHeader.Del("Sec-WebSocket-Protocol")
	}
	conn, answer, err := websocket.Dial(ctx, "ws://"+addr+"/live"+query, options)
	if err != nil {
		if answer == nil {
			return nil, 0, err
		}
		return nil, answer.StatusCode, err
	}
	conn.SetReadLimit(readLimit)
	c := &Client{conn: conn}
	if receive == nil {
		receive = func(Frame) {}
	}
	c.ended.Go(func() { c.read(receive) })
	return c, answer.StatusCode, nil
}

// read is the client's goroutine. It ends with the connection.
func (c *Client) read(receive func(Frame)) {
	for {
		kind, data, err := c.conn.Read(context.Background())
		if err != nil {
			receive(Frame{Err: err, Ended: true})
			return
		}
		f := Frame{Text: string(data)}
		if kind != websocket.MessageText {
			f.Err = fmt.Errorf("a message that is not text: %q", data)
		} else if f.Err = json.Unmarshal(data, &f.FrameFields); f.Err != nil {
			f.Err = fmt.Errorf("frame %q: %w", data, f.Err)
		}
		receive(f)
	}
}

// Send sends a text message.
func (c *Client) Send(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, []byte(text))
}

// Close closes the connection with a handshake, if it is still open, and waits for
// the goroutine.
func (c *Client) Close() {
	_ = c.conn.Close(websocket.StatusNormalClosure, "") // may have ended before
	c.Cut()
}

// Cut closes the connection without a handshake, if it is still open, and waits for
// the goroutine.
func (c *Client) Cut() {
	_ = c.conn.CloseNow() // may have ended before
	c.ended.Wait()
}
