package feed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
)

// publish adds records from, …, to-1 of each device, the devices by turns.
func publish(t *testing.T, c *redis.Client, stream string, from, to int, devices ...string) {
	t.Helper()
	for n := from; n < to; n += 200 {
		var records [][]string
		for i := n; i < min(n+200, to); i++ {
			for _, d := range devices {
				records = append(records, fix(d, i))
			}
		}
		if err := c.AddAll(t.Context(), stream, 0, records); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRunDeliversEverythingInOrder(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		publish(t, b.client, "s", 0, 10, "before") // must not be delivered
		f := b.feed(func(o *Options) { o.Streams = []string{"s", "t"} })
		stop := b.start(f)
		b.eventually("the feed to be ready", func() bool { return f.Ready() == nil })
		const n = 1500
		var on [2][]string
		for i := range 12 {
			on[i%2] = append(on[i%2], fmt.Sprintf("device-%d", i))
		}
		publish(t, b.client, "s", 0, n, on[0]...)
		publish(t, b.client, "t", 0, n, on[1]...)
		for _, d := range append(on[0], on[1]...) {
			b.eventually("all records of "+d, func() bool { return b.sink.has(d, n) })
		}
		b.sink.check(t)
		if b.sink.has("before", 1) {
			t.Error("a record from before the start was delivered")
		}
		if _, repeats, warm := b.sink.counts(); repeats != 0 || warm != 0 {
			t.Errorf("%d repeats, %d warm records", repeats, warm)
		}
		b.eventually("the records to be counted", func() bool {
			return b.metric("processor_live_records_total") == fmt.Sprint(12*n)
		})
		for _, s := range []string{"s", "t"} {
			if p, err := b.client.PendingSummary(t.Context(), s, f.group); err != nil || p.Count != 0 {
				t.Errorf("%d pending entries on %s, want none: %v", p.Count, s, err)
			}
		}
		if err := stop(); err != nil {
			t.Errorf("Run ended with %v", err)
		}
		if f.Ready() == nil {
			t.Error("ready after Run has ended")
		}
	})
}

// There is one delivery per shard and read, not one per record.
func TestOneBatchPerShardAndRead(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(nil)
		b.prepare(f)
		var devices []string
		for i := range 32 {
			devices = append(devices, fmt.Sprintf("device-%d", i))
		}
		publish(t, b.client, "s", 0, 10, devices...) // 320 records: one read
		b.background(f.Run)
		for _, d := range devices { // the records of all shards
			b.eventually("all records", func() bool { return b.sink.has(d, 10) })
		}
		b.eventually("the records to be counted", func() bool { return b.metric("processor_live_records_total") == "320" })
		b.eventually("one latency to be observed", func() bool { return b.metric("processor_live_read_latency_seconds_count") == "1" })
		if batches, _, _ := b.sink.counts(); batches != sinkShards {
			t.Errorf("%d batches for one read, want %d", batches, sinkShards)
		}
		b.sink.check(t)
	})
}

func TestBrokenRecordsAreCountedAndSkipped(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(nil)
		for _, reason := range codec.Reasons() {
			name := fmt.Sprintf("processor_live_decode_errors_total{reason=%q}", reason)
			if got := b.metric(name); got != "0" {
				t.Errorf("%s is %q before the first record, want 0", name, got)
			}
		}
		b.start(f)
		const rounds = 50
		for n := range rounds {
			bad := fix("good", n)
			bad[3] = "north" // lat
			records := [][]string{bad, {"speed", "1"}, {"payload", "{"}, fix("good", n)}
			if err := b.client.AddAll(t.Context(), "s", 0, records); err != nil {
				t.Fatal(err)
			}
		}
		b.eventually("the good records", func() bool { return b.sink.has("good", rounds) })
		b.sink.check(t)
		sum, kinds := 0, 0
		for _, reason := range codec.Reasons() {
			var n int
			fmt.Sscan(b.metric(fmt.Sprintf("processor_live_decode_errors_total{reason=%q}", reason)), &n)
			sum += n
			if n > 0 {
				kinds++
			}
		}
		if sum != 3*rounds {
			t.Errorf("%d broken records counted, want %d", sum, 3*rounds)
		}
		if lines := b.log.count("record refused"); lines != kinds {
			t.Errorf("%d log lines for %d reasons, want one each", lines, kinds)
		}
		if b.metric("processor_live_records_total") != fmt.Sprint(4*rounds) {
			t.Errorf("records counted: %s", b.metric("processor_live_records_total"))
		}
	})
}

func TestFullShardBlocksTheReader(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		unblock := b.sink.block()
		f := b.feed(func(o *Options) { o.BatchCount = 10 })
		b.start(f)
		publish(t, b.client, "s", 0, 1000, "d")
		r := f.readers[0]
		if got := r.position(); got != r.tail {
			t.Errorf("position moved to %v with nothing delivered", got)
		}
		unblock()
		b.eventually("all records", func() bool { return b.sink.has("d", 1000) })
		b.sink.check(t)
	})
}

func TestRunEndsSoon(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		for _, tt := range []struct {
			name    string
			blocked bool
		}{{"while it waits for entries", false}, {"while a shard is full", true}} {
			t.Run(tt.name, func(t *testing.T) {
				b := newBench(t, b.url)
				f := b.feed(func(o *Options) { o.Block = time.Minute; o.InstanceID = strings.ReplaceAll(tt.name, " ", "-") })
				stop := b.start(f)
				publish(t, b.client, "s", 0, 1, "d")
				b.eventually("a first record", func() bool { return b.sink.has("d", 1) })
				if tt.blocked {
					b.sink.block()
					publish(t, b.client, "s", 1, 5, "d")
				}
				begin := time.Now()
				if err := stop(); err != nil {
					t.Errorf("Run ended with %v", err)
				}
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("Run took %v to end", d)
				}
			})
		}
	})
}

func TestRunEndsWithItsSink(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(func(o *Options) { o.Streams = []string{"s", "quiet"} })
		b.prepare(f)
		publish(t, b.client, "s", 0, 1, "d")
		b.sink.end()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := f.Run(ctx); !errors.Is(err, errSinkEnded) {
			t.Errorf("Run ended with %v, want the sink's error", err)
		}
	})
}

// A restarted process with the same id starts at the current end of the stream,
// wherever its group was.
func TestRestartStartsAtTheEndOfTheStream(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		first := b.feed(nil)
		stop := b.start(first)
		publish(t, b.client, "s", 0, 3, "d")
		b.eventually("the first records", func() bool { return b.sink.has("d", 3) })
		if err := errors.Join(stop(), first.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		publish(t, b.client, "s", 3, 9, "d")
		b.sink = newSink()
		b.start(b.feed(nil))
		publish(t, b.client, "s", 0, 2, "e")
		b.eventually("the records after the restart", func() bool { return b.sink.has("e", 2) })
		if b.sink.check(t); b.sink.has("d", 1) {
			t.Error("records from before the restart were delivered again")
		}
	})
}
