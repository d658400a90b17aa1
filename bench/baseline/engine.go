package baseline

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/access"
	"pitwall/engine/live"
	"pitwall/shard"
)

// serveEngine is Pitwall from the record's fields on: codec, shards, rings and
// writers. Redis is left out, since the rivals have none either.
func serveEngine(l *load) error {
	core, err := shard.New(shard.Config{Shards: l.Shards, Writers: l.Writers, Window: l.Window, FutureTolerance: 5 * time.Second})
	if err != nil {
		return err
	}
	set := metrics.NewSet()
	server, err := live.New(live.Options{
		Core: core, Writers: l.Writers, Access: access.Anonymous{}, InstanceID: "bench", Metrics: set,
		Logger:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		MaxConnections: 1 << 20, MaxSubscriptions: 64, MaxMessageBytes: 4096, RequestRate: 20, RequestBurst: 100,
		Heartbeat: time.Minute, WriteTimeout: time.Minute, RingMaxAge: 2 * time.Second, NotsentLowat: l.Lowat, WindowMax: 2 * time.Second,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	var own sync.WaitGroup
	coreCtx, stopCore := context.WithCancel(context.Background())
	coreEnded := make(chan struct{})
	go func() { defer close(coreEnded); _ = core.Run(coreCtx) }()
	defer func() { stop(); own.Wait(); stopCore(); <-coreEnded }()

	var roster shard.Roster
	for i := range l.Devices {
		roster.Pairs = append(roster.Pairs, shard.Pair{Device: l.device(i), Event: l.eventOf(i)})
	}
	if err := core.Swap(ctx, roster); err != nil {
		return err
	}
	own.Go(func() { _ = server.Run(ctx) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{Handler: server, ReadHeaderTimeout: time.Minute}
	own.Go(func() { _ = web.Serve(listener) })
	defer web.Close()
	if err := listening(listener.Addr().String()); err != nil {
		return err
	}
	read := func(name string) float64 { return float64(set.GetOrCreateCounter(name).Get()) }
	d0, w0, b0 := read("processor_live_deliveries_total"), read("processor_live_writes_total"), read("processor_live_written_bytes_total")
	if l.Profile != "" {
		f, err := os.Create(l.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return measure(func() tally {
		publishToCore(ctx, l, core)
		<-time.After(2 * l.Window) // what is pending comes with the next window, as the others' last flush does
		return tally{deliveries: read("processor_live_deliveries_total") - d0, writes: read("processor_live_writes_total") - w0,
			bytes: read("processor_live_written_bytes_total") - b0}
	})
}

// publishToCore decodes each record and hands it to its shard.
func publishToCore(ctx context.Context, l *load, core *shard.Core) {
	dec := codec.NewDecoder(codec.DefaultLimits())
	l.publish(func(_ int, fields []string, now time.Time) {
		b := core.AcquireBatch()
		b.Positions = append(b.Positions, codec.Position{})
		p := &b.Positions[len(b.Positions)-1]
		if err := dec.Decode(p, now.UnixMilli(), 0, fields); err != nil {
			panic(err) // our own record
		}
		_ = core.Deliver(ctx, core.ShardOf(p.DeviceID), b) // fails only at the end
	})
}
