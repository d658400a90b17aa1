// Package streamreader reads the stream for servers in Pitwall's place: the peers
// (bench/peers) and package baseline. They get the same records from the same
// Redis, decoded by the same codec. They have no roster, so the reader tells them
// the event of each record: the devices are spread over the events in blocks.
//
// Only one goroutine may use a Reader.
package streamreader

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"pitwall/codec"
)

// most is the most records that one XREAD returns.
const most = 4096

// Options say what is read. The tags make them flags of the servers.
type Options struct {
	RedisURL     string `name:"redis-url" help:"Redis with the stream."`
	Stream       string `default:"telemetry:t" help:"Key of the stream."`
	Events       int    `default:"1" help:"Events that devices are spread over in blocks."`
	Devices      int    `default:"1" help:"Devices."`
	EventPrefix  string `help:"Prefix of the event ids; the number follows."`
	DevicePrefix string `help:"Prefix of the device ids; the number follows."`
}

// Event is the number of the event of a device.
func (o *Options) Event(device string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(device, o.DevicePrefix))
	if err != nil || n < 0 || n >= o.Devices {
		return 0, fmt.Errorf("%q is not a device of the harness", device)
	}
	e := n * o.Events / o.Devices
	for (e+1)*o.Devices/o.Events <= n { // blocks are rounded down
		e++
	}
	return e, nil
}

// EventName is the id of event i.
func (o *Options) EventName(i int) string { return o.EventPrefix + strconv.Itoa(i) }

// Reader reads a stream from its beginning.
type Reader struct {
	Options
	client  rueidis.Client
	decoder *codec.Decoder
	last    string
	fields  []string
}

// New connects to Redis. The caller closes the reader.
func New(o Options) (*Reader, error) {
	option, err := rueidis.ParseURL(o.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("read the URL of Redis: %w", err)
	}
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	return &Reader{Options: o, client: client, decoder: codec.NewDecoder(codec.DefaultLimits()), last: "0-0"}, nil
}

// Close closes the connection.
func (r *Reader) Close() { r.client.Close() }

// Run calls take with every position as it arrives, until ctx ends, which is not
// an error.
func (r *Reader) Run(ctx context.Context, take func(event int, p *codec.Position) error) error {
	for {
		err := r.Read(ctx, time.Second, take)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Ready logs where a server listens. The harness waits for this line. ops is the
// address of its metrics, "" for none.
func Ready(addr, ops string) error {
	return json.NewEncoder(os.Stderr).Encode(map[string]string{"level": "INFO", "msg": "ready", "http": addr, "ops": ops})
}

// Read calls take with each position since the last Read, and with the number of
// its event. It waits up to block for the first one, and not at all if block is 0.
// The position is valid until take returns.
func (r *Reader) Read(ctx context.Context, block time.Duration, take func(event int, p *codec.Position) error) error {
	for {
		n, err := r.read(ctx, block, take)
		if err != nil || n < most {
			return err
		}
		block = 0 // there is more
	}
}

func (r *Reader) read(ctx context.Context, block time.Duration, take func(event int, p *codec.Position) error) (n int, err error) {
	cmd := r.client.B().Xread().Count(most).Streams().Key(r.Stream).Id(r.last).Build()
	if block > 0 { // BLOCK 0 would wait for ever
		cmd = r.client.B().Xread().Count(most).Block(max(1, block.Milliseconds())).Streams().Key(r.Stream).Id(r.last).Build()
	}
	got, err := r.client.Do(ctx, cmd).AsXReadSlices()
	if rueidis.IsRedisNil(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the stream: %w", err)
	}
	var p codec.Position
	for _, e := range got[r.Stream] {
		if err := r.decode(&p, e); err != nil {
			return n, fmt.Errorf("record %s of the harness: %w", e.ID, err)
		}
		r.last = e.ID
		event, err := r.Event(p.DeviceID)
		if err == nil {
			err = take(event, &p)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (r *Reader) decode(p *codec.Position, e rueidis.XRangeSlice) error {
	r.fields = r.fields[:0]
	for _, f := range e.FieldValues {
		r.fields = append(r.fields, f.Field, f.Value)
	}
	ms, number, _ := strings.Cut(e.ID, "-")
	arrival, errMS := strconv.ParseInt(ms, 10, 64)
	seq, errSeq := strconv.ParseUint(number, 10, 64)
	if err := cmp.Or(errMS, errSeq); err != nil {
		return fmt.Errorf("read its id: %w", err)
	}
	return r.decoder.Decode(p, arrival, seq, r.fields)
}
