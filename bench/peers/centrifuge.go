package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
)

// centrifugePeer is a node of the centrifuge library with its defaults.
type centrifugePeer struct {
	node     *centrifuge.Node
	web      *http.Server
	listener net.Listener
}

func newCentrifuge() (peer, error) {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelError,
		LogHandler: func(centrifuge.LogEntry) {}})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: ""}}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &centrifugePeer{node, &http.Server{
		Handler:           centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}),
		ReadHeaderTimeout: time.Minute,
	}, l}
	go func() { _ = p.web.Serve(l) }()
	return p, nil
}

func (p *centrifugePeer) Addr() string { return p.listener.Addr().String() }

func (p *centrifugePeer) Publish(event string, position []byte) error {
	_, err := p.node.Publish("event:"+event, position)
	return err
}

func (p *centrifugePeer) Close() {
	_ = p.web.Close()
	_ = p.node.Shutdown(context.Background())
}
