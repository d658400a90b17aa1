package main

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"pitwall/codec"
)

// hubQueue is the most messages that may wait for a client. With more the client is
// disconnected.
const hubQueue = 256

// hub is a server as most people would write it first: a map of clients per event,
// and a goroutine and a channel per client.
type hub struct {
	web      *http.Server
	listener net.Listener
	upgrader websocket.Upgrader

	mu     sync.RWMutex // guards events
	events map[string]map[*hubClient]struct{}
}

type hubClient struct {
	conn *websocket.Conn
	send chan []byte
}

func newHub() (peer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hub{listener: l, events: make(map[string]map[*hubClient]struct{})}
	h.web = &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = h.web.Serve(l) }()
	return h, nil
}

func (h *hub) Addr() string { return h.listener.Addr().String() }

func (h *hub) Close() { _ = h.web.Close() }

// ServeHTTP upgrades, reads one subscribe, and waits for the end of the connection.
func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &hubClient{conn, make(chan []byte, hubQueue)}
	defer conn.Close()
	_, text, err := conn.ReadMessage()
	if err != nil {
		return
	}
	var req codec.Request
	if codec.ParseRequest(&req, text) != nil || len(req.Topic) < len("event:") {
		return
	}
	event := strings.Clone(req.Topic[len("event:"):]) // the message's bytes may be reused
	c.send <- []byte("{}")
	go c.write()
	h.mu.Lock()
	if h.events[event] == nil {
		h.events[event] = make(map[*hubClient]struct{})
	}
	h.events[event][c] = struct{}{}
	h.mu.Unlock()
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	h.mu.Lock()
	delete(h.events[event], c)
	close(c.send)
	h.mu.Unlock()
}

func (c *hubClient) write() {
	for text := range c.send {
		if c.conn.WriteMessage(websocket.TextMessage, text) != nil {
			_ = c.conn.Close() // which ends the reader
			return
		}
	}
}

// Publish puts a position into the channel of each client.
func (h *hub) Publish(event string, position []byte) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for c := range h.events[event] {
		select {
		case c.send <- position:
		default:
			_ = c.conn.Close() // too slow
		}
	}
	return nil
}
