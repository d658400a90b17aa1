package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// countingSink is a sink that only counts positions and reuses batches.
type countingSink struct {
	pool sync.Pool
	mu   sync.Mutex
	n    int
	want int
	done chan struct{}
}

func (c *countingSink) Shards() int { return 2 }

func (c *countingSink) ShardOf(device string) int { return int(device[len(device)-1] & 1) }

func (c *countingSink) AcquireBatch() *shard.Batch { return c.pool.Get().(*shard.Batch) }

func (c *countingSink) Deliver(_ context.Context, _ int, b *shard.Batch) error {
	n := len(b.Positions)
	clear(b.Positions)
	b.Positions = b.Positions[:0]
	c.pool.Put(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n += n; c.n >= c.want && c.done != nil {
		close(c.done)
		c.done = nil
	}
	return nil
}

// expect returns a channel that is closed after n more positions.
func (c *countingSink) expect(n int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := make(chan struct{})
	c.n, c.want, c.done = 0, n, done
	return done
}

// cpu returns the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fill adds n records, a multiple of 1,000, to stream "s".
func fill(b *testing.B, c *redis.Client, n int, fields func(i int) []string) {
	for i := 0; i < n; i += 1000 {
		records := make([][]string, 1000)
		for k := range records {
			records[k] = fields(i + k)
		}
		if err := c.AddAll(b.Context(), "s", 0, records); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWarm reads the newest million records of a stream of two million.
func BenchmarkWarm(b *testing.B) {
	const n, devices = 2_000_000, 10_000
	c := open(b, testenv.Redis(b).URL())
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	fill(b, c, n, func(i int) []string {
		return []string{"device_id", fmt.Sprintf("8612%011d", i%devices), "ts", now, "lat", "48.137154", "lon", "11.576124", "speed", "43.5"}
	})
	sink := &countingSink{pool: sync.Pool{New: func() any { return new(shard.Batch) }}}
	f := New(Options{
		Client: c, Streams: []string{"s"}, Sink: sink, Limits: codec.DefaultLimits(), Logger: slog.New(slog.DiscardHandler),
		Metrics: metrics.NewSet(), InstanceID: "bench", WarmRecords: n / 2, WarmTime: time.Minute,
	})
	if err := f.CreateGroups(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		done := sink.expect(n / 2)
		if err := f.Warm(b.Context()); err != nil {
			b.Fatal(err)
		}
		<-done
	}
	b.ReportMetric(float64(n/2)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	if err := f.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFeed reads a long stream from redis-server into a counting sink: client,
// decoder and delivery at full speed.
func BenchmarkFeed(b *testing.B) {
	const n, devices = 200_000, 1000
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	for _, kind := range []struct {
		name   string
		fields func(device string) []string
	}{
		{"shapeA", func(d string) []string {
			return []string{"device_id", d, "ts", now, "codec", "8E", "payload",
				`{"device_id":"` + d + `","timestamp":` + now + `,"latitude":48.137154,"longitude":11.576124,"altitude":519,` +
					`"angle":271,"speed":43,"satellites":14,"priority":0,"attributes":{"ignition":true,"battery":12.61,"odometer":{"__bigint":"184467440737"}}}`}
		}},
		{"shapeB", func(d string) []string {
			return []string{"device_id", d, "ts", now, "lat", "48.137154", "lon", "11.576124", "speed", "43.5", "course", "271"}
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			c, log := open(b, testenv.Redis(b).URL()), slog.New(slog.DiscardHandler)
			fill(b, c, n, func(i int) []string { return kind.fields(fmt.Sprintf("8612%011d", i%devices)) })
			sink := &countingSink{pool: sync.Pool{New: func() any { return new(shard.Batch) }}}
			f := New(Options{
				Client: c, Streams: []string{"s"}, Sink: sink, Limits: codec.DefaultLimits(),
				Logger: log, Metrics: metrics.NewSet(), InstanceID: "bench",
				Block: 2 * time.Millisecond, // setting the group back does not wake a blocked read
			})
			if err := f.AcquireLease(b.Context()); err != nil {
				b.Fatal(err)
			}
			if err := f.CreateGroups(b.Context()); err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 2)
			go func() { ended <- f.KeepLease(ctx) }()
			go func() { ended <- f.Run(ctx) }()
			used, begin := cpu(), time.Now()
			b.ReportAllocs()
			for b.Loop() {
				done := sink.expect(n)
				if err := c.SetGroupID(b.Context(), "s", f.group, redis.ID{}); err != nil {
					b.Fatal(err)
				}
				<-done
			}
			records := float64(n) * float64(b.N)
			b.ReportMetric(records/time.Since(begin).Seconds(), "records/s")
			b.ReportMetric(float64((cpu()-used).Nanoseconds())/records, "cpu-ns/record")
			cancel()
			if err := errors.Join(<-ended, <-ended); err != nil {
				b.Fatal(err)
			}
		})
	}
}
