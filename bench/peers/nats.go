package main

import (
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsPeer is an embedded nats-server. Clients speak its protocol over WebSocket, as
// browsers do.
type natsPeer struct {
	server *server.Server
	conn   *nats.Conn
	addr   string
}

func newNATS() (peer, error) {
	// The server does not report its port, so a free one is chosen first.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	s, err := server.NewServer(&server.Options{
		DontListen: true, NoSigs: true, NoLog: true, MaxConn: 1 << 20,
		Websocket: server.WebsocketOpts{Host: "127.0.0.1", Port: port, NoTLS: true},
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return nil, errors.New("nats-server is not ready after 10 s")
	}
	c, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		s.Shutdown()
		return nil, err
	}
	return &natsPeer{s, c, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, nil
}

func (p *natsPeer) Addr() string { return p.addr }

func (p *natsPeer) Publish(event string, position []byte) error {
	return p.conn.Publish("event."+event, position)
}

func (p *natsPeer) Close() {
	p.conn.Close()
	p.server.Shutdown()
}
