// Package tunnel lets clients that speak plain TCP use a server behind TLS. The
// spectators of the harness read their sockets without a library; for an installation at
// wss:// each of their connections is carried by one over TLS. The tunnel belongs to the
// harness: its CPU time and its part of the latency are the harness's, not the
// installation's.
package tunnel

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// dialTimeout bounds a connection to the server, with the handshake.
const dialTimeout = 30 * time.Second

// Tunnel accepts connections on a loopback address. Any goroutine may call its methods.
type Tunnel struct {
	target   string
	config   *tls.Config
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

// Start opens a tunnel to target, host:port. It connects once, so that a wrong certificate
// is an error here. The caller closes the tunnel.
func Start(ctx context.Context, target string, config *tls.Config) (*Tunnel, error) {
	t := &Tunnel{target: target, config: config}
	t.ctx, t.cancel = context.WithCancel(ctx)
	c, err := t.dial()
	if err != nil {
		t.cancel()
		return nil, fmt.Errorf("connect to %s over TLS: %w", target, err)
	}
	c.Close()
	if t.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.cancel()
		return nil, fmt.Errorf("listen for the tunnel: %w", err)
	}
	t.wg.Go(t.accept)
	return t, nil
}

// Addr is host:port for the clients.
func (t *Tunnel) Addr() string { return t.listener.Addr().String() }

// Close ends all connections and waits for their goroutines.
func (t *Tunnel) Close() {
	t.cancel()
	t.listener.Close()
	t.wg.Wait()
}

func (t *Tunnel) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, dialTimeout)
	defer cancel()
	return (&tls.Dialer{Config: t.config}).DialContext(ctx, "tcp", t.target)
}

func (t *Tunnel) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.wg.Go(func() { t.carry(client) })
	}
}

// carry connects a client to the server until either side ends.
func (t *Tunnel) carry(client net.Conn) {
	defer client.Close()
	server, err := t.dial()
	if err != nil {
		return // the client sees its connection end, as without a tunnel
	}
	defer server.Close()
	stop := context.AfterFunc(t.ctx, func() { client.Close(); server.Close() })
	defer stop()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client) // an end, whatever the reason
		server.Close()
	})
	_, _ = io.Copy(client, server)
	client.Close()
	up.Wait()
}
