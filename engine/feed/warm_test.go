package feed

import (
	"context"
	"strconv"
	"testing"
	"time"

	"pitwall/engine/internal/redis"
)

// seed adds n records of device "w" to stream "s", one per second up to now, and
// returns their ids.
func (b *bench) seed(n int) []redis.ID {
	now := time.Now().UnixMilli()
	ids := make([]redis.ID, n)
	for i := range ids {
		ids[i] = redis.ID{Ms: uint64(now - int64(n-i)*1000)}
		b.addAt("s", ids[i].String(), fix("w", i))
	}
	return ids
}

func TestWarmStartsWhereTheArchiveIs(t *testing.T) {
	const n = 100
	archive := redis.ReadOptions{Stream: "s", Group: "durable-write", Consumer: "c", From: ">"}
	read := func(t *testing.T, b *bench, count int) []redis.Entry {
		t.Helper()
		if _, err := b.client.CreateGroup(t.Context(), "s", "durable-write", redis.ID{}); err != nil {
			t.Fatal(err)
		}
		o := archive
		o.Count = count
		r := b.client.NewReader(o)
		defer r.Close()
		got, err := r.Read(t.Context(), nil)
		if err != nil || len(got) != count {
			t.Fatalf("the archive read %d: %v", len(got), err)
		}
		return got
	}
	for _, tt := range []struct {
		name   string
		before func(t *testing.T, b *bench)
		change func(*Options)
		want   int
	}{
		{"no archive: a window", nil, func(o *Options) { o.WarmWindow = 20500 * time.Millisecond }, 21},
		{"no archive: a window beyond all", nil, func(o *Options) { o.WarmWindow = time.Hour }, n},
		{"archive that has read nothing", func(t *testing.T, b *bench) {
			if _, err := b.client.CreateGroup(t.Context(), "s", "durable-write", redis.ID{}); err != nil {
				t.Fatal(err)
			}
		}, nil, n},
		{"archive that has written everything, and WarmLeast", func(t *testing.T, b *bench) {
			var done []redis.ID
			for _, e := range read(t, b, n) {
				done = append(done, e.ID)
			}
			if _, err := b.client.Ack(t.Context(), "s", "durable-write", done); err != nil {
				t.Fatal(err)
			}
		}, func(o *Options) { o.WarmLeast = 20500 * time.Millisecond }, 21},
		{"archive with pending entries", func(t *testing.T, b *bench) {
			got := read(t, b, 60)
			var done []redis.ID
			for i, e := range got {
				if i != 30 { // only the 31st has not been written yet
					done = append(done, e.ID)
				}
			}
			if _, err := b.client.Ack(t.Context(), "s", "durable-write", done); err != nil {
				t.Fatal(err)
			}
		}, nil, n - 30},
		{"archive that has written what it read", func(t *testing.T, b *bench) {
			var done []redis.ID
			for _, e := range read(t, b, 60) {
				done = append(done, e.ID)
			}
			if _, err := b.client.Ack(t.Context(), "s", "durable-write", done); err != nil {
				t.Fatal(err)
			}
		}, nil, n - 60},
		{"only the newest of too many", nil, func(o *Options) { o.WarmRecords = 33; o.WarmWindow = time.Hour }, 33},
		{"as many as allowed", nil, func(o *Options) { o.WarmRecords = n; o.WarmWindow = time.Hour }, n},
		{"a short window of a long stream", nil, func(o *Options) { o.WarmRecords = 33; o.WarmWindow = 9500 * time.Millisecond }, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEachServer(t, func(t *testing.T, b *bench) {
				ids := b.seed(n)
				if tt.before != nil {
					tt.before(t, b)
				}
				f := b.feed(func(o *Options) {
					o.BatchCount = 7
					if tt.change != nil {
						tt.change(o)
					}
				})
				b.prepare(f)
				publish(t, b.client, "s", 0, 5, "later") // after T: Warm does not read them
				if err := f.Warm(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, _, warm := b.sink.counts(); warm != tt.want {
					t.Errorf("%d warm records, want %d", warm, tt.want)
				}
				oldest, newest := b.sink.warmSpan()
				if want := ids[n-tt.want].Ms; oldest != int64(want) {
					t.Errorf("the oldest of them arrived at %d, want %d", oldest, want)
				}
				if want := ids[n-1].Ms; newest != int64(want) {
					t.Errorf("the newest of them arrived at %d, want %d", newest, want)
				}
				if got := b.metric("processor_live_records_total"); got != "0" {
					t.Errorf("%s records counted, want 0: warm ones are not counted", got)
				}
				b.background(f.Run)
				b.wantRecords(5, []string{"later"})
			})
		})
	}
}

func TestWarmStopsAtItsTimeLimit(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		b.seed(20)
		b.sink.block()
		f := b.feed(func(o *Options) { o.WarmWindow, o.WarmTime = time.Hour, 50*time.Millisecond })
		b.prepare(f)
		if err := f.Warm(t.Context()); err != nil {
			t.Errorf("Warm failed with %v", err)
		}
		if n := b.log.count("level=WARN", "warm start ran out of time"); n != 1 {
			t.Errorf("%d warnings, want 1", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.Warm(ctx); err == nil {
			t.Error("Warm returned no error although its context had ended")
		}
	})
}

// The newest positions arrive within the time limit, however many there are and
// however slow the link is.
func TestWarmDeliversTheNewestInTime(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		const n, page, pages = 300, 7, 3
		ids := b.seed(n)
		b.sink.after = pages
		b.sink.block()
		f := b.feed(func(o *Options) {
			o.Streams = []string{"s", "t"}
			o.BatchCount, o.WarmRecords, o.WarmWindow, o.WarmTime = page, n-50, time.Hour, 2*time.Second
		})
		b.prepare(f)
		begin := time.Now()
		if err := f.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d < time.Second/2 {
			t.Errorf("stopped after %v of 2 s", d)
		}
		if _, _, warm := b.sink.counts(); warm != pages*page {
			t.Errorf("%d warm records, want %d", warm, pages*page)
		}
		oldest, newest := b.sink.warmSpan()
		if want := [2]uint64{ids[n-pages*page].Ms, ids[n-1].Ms}; oldest != int64(want[0]) || newest != int64(want[1]) {
			t.Errorf("they arrived from %d to %d, want %v: the newest", oldest, newest, want)
		}
		if stopped, done := b.log.count("warm start ran out of time", "stream=s"), b.log.count("msg=\"warm start\"", "stream=t"); stopped != 1 || done != 1 {
			t.Errorf("%d lines say that stream s ran out of time, %d that t was read, want one each", stopped, done)
		}
	})
}

func TestWarmOnEmptyStreams(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(func(o *Options) { o.Streams = []string{"s", "t"} })
		b.prepare(f)
		if err := f.Warm(t.Context()); err != nil {
			t.Error(err)
		}
		if n, err := strconv.Atoi(b.metric("processor_live_records_total")); n != 0 || err != nil {
			t.Errorf("%d records: %v", n, err)
		}
	})
}
