// Command peers serves the same positions as Pitwall with other software. The load
// harness measures that software with the same records and clients on the same machine:
//
//	go run ./bench stadium --peer=nats        nats-server, embedded, WebSocket
//	go run ./bench stadium --peer=centrifuge  the library that Centrifugo is made of
//	go run ./bench stadium --peer=hub         gorilla/websocket and a channel per client
//
// Each peer reads the Redis Stream as Pitwall does, makes the same JSON from a
// record, and publishes it at once to the topic of the event. Unlike Pitwall, peers
// send no snapshots, keep no order, conflate nothing and archive nothing.
//
// It is a module of its own, so that Pitwall does not depend on the peers.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"pitwall/bench/internal/streamreader"
	"pitwall/codec"
)

// peer is a server that publishes positions.
type peer interface {
	// Addr is host:port of its WebSocket listener.
	Addr() string
	// Publish sends a position to all clients of an event.
	Publish(event string, position []byte) error
	// Close stops the server.
	Close()
}

func main() {
	var o streamreader.Options
	kind := flag.String("kind", "", "nats, centrifuge or hub")
	flag.StringVar(&o.RedisURL, "redis-url", "", "Redis with the stream")
	flag.StringVar(&o.Stream, "stream", "telemetry:t", "key of the stream")
	flag.IntVar(&o.Events, "events", 1, "events that devices are spread over in blocks")
	flag.IntVar(&o.Devices, "devices", 1, "devices")
	flag.StringVar(&o.EventPrefix, "event-prefix", "", "prefix of the event ids; the number follows")
	flag.StringVar(&o.DevicePrefix, "device-prefix", "", "prefix of the device ids; the number follows")
	flag.Parse()
	if err := serve(*kind, o); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func serve(kind string, o streamreader.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	start, ok := map[string]func() (peer, error){"nats": newNATS, "centrifuge": newCentrifuge, "hub": newHub}[kind]
	if !ok {
		return fmt.Errorf("-kind is %q, it must be nats, centrifuge or hub", kind)
	}
	p, err := start()
	if err != nil {
		return fmt.Errorf("start %s: %w", kind, err)
	}
	defer p.Close()
	r, err := streamreader.New(o)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := streamreader.Ready(p.Addr(), ""); err != nil {
		return err
	}
	return r.Run(ctx, func(event int, position *codec.Position) error {
		return p.Publish(o.EventName(event), codec.AppendBody(nil, position, position.TS))
	})
}
