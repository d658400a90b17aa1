// Command peers serves the same positions as Pitwall with what else people use
// for it, so that the load harness can measure them with the same records, the
// same clients and on the same machine:
//
//	go run ./bench stadium --peer=nats        nats-server, embedded, WebSocket
//	go run ./bench stadium --peer=centrifuge  the library that Centrifugo is made of
//	go run ./bench stadium --peer=hub         gorilla/websocket and a channel per client
//
// Each reads the Redis Stream itself, as Pitwall does, makes the same JSON of a
// record, and publishes it at once to the topic of the device's event. What
// Pitwall does beyond that (snapshots, order, conflation, an archive) they do
// not do here.
//
// It is a module of its own, so that Pitwall does not depend on them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/rueidis"

	"pitwall/codec"
)

// peer is a server that positions are published with.
type peer interface {
	// Addr is host:port of its WebSocket listener.
	Addr() string
	// Publish sends a position to everybody who watches an event.
	Publish(event string, position []byte) error
	// Close stops it.
	Close()
}

func main() {
	kind := flag.String("kind", "", "nats, centrifuge or hub")
	redis := flag.String("redis-url", "", "where the stream is")
	stream := flag.String("stream", "telemetry:t", "its key")
	events := flag.Int("events", 1, "events that devices are spread over in blocks")
	devices := flag.Int("devices", 1, "devices")
	eventPrefix := flag.String("event-prefix", "", "of the events' ids; the number follows")
	devicePrefix := flag.String("device-prefix", "", "of the devices' ids; the number follows")
	flag.Parse()
	eventOf := func(device string) string {
		n, err := strconv.Atoi(strings.TrimPrefix(device, *devicePrefix))
		if err != nil {
			return ""
		}
		e := n * *events / *devices
		for (e+1)**devices / *events <= n { // blocks are rounded down
			e++
		}
		return *eventPrefix + strconv.Itoa(e)
	}
	if err := serve(*kind, *redis, *stream, eventOf); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func serve(kind, redis, stream string, eventOf func(string) string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	start, ok := map[string]func() (peer, error){"nats": newNATS, "centrifuge": newCentrifuge, "hub": newHub}[kind]
	if !ok {
		return fmt.Errorf("-kind is %q, wanted is nats, centrifuge or hub", kind)
	}
	p, err := start()
	if err != nil {
		return fmt.Errorf("start %s: %w", kind, err)
	}
	defer p.Close()
	option, err := rueidis.ParseURL(redis)
	if err != nil {
		return fmt.Errorf("read the URL of Redis: %w", err)
	}
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		return fmt.Errorf("connect to Redis: %w", err)
	}
	defer client.Close()
	// The line that the harness looks for in the log of what it starts.
	if err := json.NewEncoder(os.Stderr).Encode(map[string]string{"level": "INFO", "msg": "ready", "http": p.Addr()}); err != nil {
		return err
	}
	return forward(ctx, client, stream, eventOf, p)
}

// forward publishes every record of the stream from now on, until ctx ends.
func forward(ctx context.Context, client rueidis.Client, stream string, eventOf func(string) string, p peer) error {
	decoder := codec.NewDecoder(codec.DefaultLimits())
	var position codec.Position
	last := "$"
	for {
		read := client.B().Xread().Count(512).Block(1000).Streams().Key(stream).Id(last).Build()
		got, err := client.Do(ctx, read).AsXReadSlices()
		switch {
		case ctx.Err() != nil:
			return nil
		case rueidis.IsRedisNil(err):
			if last == "$" {
				last = "0-0" // nothing was there yet: everything is new
			}
			continue
		case err != nil:
			return fmt.Errorf("read the stream: %w", err)
		}
		for _, e := range got[stream] {
			last = e.ID
			fields := make([]string, 0, 2*len(e.FieldValues))
			for _, f := range e.FieldValues {
				fields = append(fields, f.Field, f.Value)
			}
			ms, _, _ := strings.Cut(e.ID, "-")
			arrival, err := strconv.ParseInt(ms, 10, 64)
			if err != nil {
				return fmt.Errorf("read the stream: id %q: %w", e.ID, err)
			}
			if err := decoder.Decode(&position, arrival, fields); err != nil {
				return errors.Join(errors.New("a record of the harness' own"), err)
			}
			if err := p.Publish(eventOf(position.DeviceID), codec.AppendBody(nil, &position, position.TS)); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
}
