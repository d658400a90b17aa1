// Package relay connects the harness's clients with a server through this process. The
// race with wrong clocks changes replies of Redis on the way. The spectators of a run
// speak plain TCP, so an installation at wss:// is reached through a relay that speaks
// TLS to it.
//
// The CPU time of a relay, and its part of the latency, belong to the harness, not to the
// server.
package relay

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
)

// Relay accepts connections on a loopback address. Any goroutine may call its methods.
type Relay struct {
	dial    func(context.Context) (net.Conn, error)
	replies func(client io.Writer, server io.Reader)

	listener net.Listener
	ctx      context.Context // ends all connections
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

// Start relays each connection to one that dial makes; if that fails, the connection
// ends. replies passes on what the server sends, until there is no more; nil copies it.
// The caller closes the relay.
func Start(dial func(context.Context) (net.Conn, error), replies func(client io.Writer, server io.Reader)) (*Relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for connections to relay: %w", err)
	}
	if replies == nil {
		replies = func(client io.Writer, server io.Reader) { _, _ = io.Copy(client, server) } // an end, whatever the reason
	}
	r := &Relay{dial: dial, replies: replies, listener: l}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.wg.Go(r.accept)
	return r, nil
}

// Addr is host:port for the clients.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Close ends all connections and waits for their goroutines.
func (r *Relay) Close() error {
	err := r.listener.Close()
	r.cancel()
	r.wg.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.relay(client) })
	}
}

// relay connects a client with the server. When either side closes, both connections end.
func (r *Relay) relay(client net.Conn) {
	defer client.Close()
	server, err := r.dial(r.ctx)
	if err != nil {
		return
	}
	defer server.Close()
	closeBoth := func() { client.Close(); server.Close() }
	defer context.AfterFunc(r.ctx, closeBoth)()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client)
		closeBoth()
	})
	r.replies(client, server)
	closeBoth()
	up.Wait()
}
