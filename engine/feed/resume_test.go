package feed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

func TestResumeAt(t *testing.T) {
	id := func(ms uint64) redis.ID { return redis.ID{Ms: ms, Seq: 3} }
	for _, tt := range []struct {
		name            string
		delivered, last redis.ID
		same            bool
		want            redis.ID
	}{
		{"same server, unread entries", id(50_000), id(90_000), true, id(50_000)},
		{"same server, all read", id(50_000), id(50_000), true, id(50_000)},
		{"same server, new stream", id(50_000), redis.ID{}, true, redis.ID{}},
		{"other server, unread entries", id(50_000), id(90_000), false, redis.ID{Ms: 40_000}},
		{"other server that lost the newest", id(50_000), id(30_000), false, redis.ID{Ms: 20_000}},
		{"other server without a stream", id(50_000), redis.ID{}, false, redis.ID{}},
		{"other server soon after the epoch", id(5_000), id(6_000), false, redis.ID{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := resumeAt(tt.delivered, tt.last, tt.same); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// publishLoad publishes records of some devices until stop is called, which returns
// how many records of each there are. It repeats a record whose XADD failed, as the
// contract requires of a publisher.
func publishLoad(t *testing.T, c *redis.Client, devices []string) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	sent := 0
	done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			for _, d := range devices {
				for {
					if _, err := c.Add(context.Background(), "s", 0, fix(d, n)...); err == nil {
						break
					}
				}
			}
			sent = n + 1
		}
	})
	stop = sync.OnceValue(func() int {
		cancel()
		done.Wait()
		return sent
	})
	t.Cleanup(func() { stop() })
	return stop
}

// wantRecords waits until n records of each device have arrived, without a gap.
func (b *bench) wantRecords(n int, devices []string) {
	b.t.Helper()
	for _, d := range devices {
		b.eventually(fmt.Sprintf("%d records of %s", n, d), func() bool { return b.sink.has(d, n) })
	}
	b.sink.check(b.t)
}

var fourDevices = []string{"a", "b", "c", "d"}

func TestNothingIsMissingAfterCutsInMidReply(t *testing.T) {
	s := testenv.Redis(t)
	proxy := testenv.Proxy(t, s.Addr())
	b := newBench(t, "redis://"+proxy.Addr())
	b.start(b.feed(nil))
	stop := publishLoad(t, open(t, s.URL()), fourDevices)
	b.eventually("the first records", func() bool { return b.sink.has("a", 10) })
	const cuts = 25
	for i := range cuts {
		proxy.CutAfter(rand.Int64N(4000))
		b.eventually("a cut", func() bool { return proxy.Cuts() > i })
		b.awaitBatches()
	}
	b.wantRecords(stop(), fourDevices)
	if got := b.metric(`processor_live_stream_resumes_total{stream="s"}`); got == "0" {
		t.Error("no cut hit a read: the test proves nothing")
	}
}

// awaitBatches waits for some more batches.
func (b *bench) awaitBatches() {
	b.t.Helper()
	before, _, _ := b.sink.counts()
	b.eventually("more batches", func() bool {
		now, _, _ := b.sink.counts()
		return now > before+5
	})
}

func TestNothingIsMissingWhenClientsAreKilled(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	b.start(b.feed(nil))
	stop := publishLoad(t, open(t, s.URL()), fourDevices)
	for i := range 20 {
		n := 50 * (i + 1)
		b.eventually("more records", func() bool { return b.sink.has("d", n) })
		s.CutClients()
	}
	b.wantRecords(stop(), fourDevices)
}

func TestNothingIsMissingAfterServerRestarts(t *testing.T) {
	s := testenv.Redis(t, testenv.AOF())
	b := newBench(t, s.URL())
	b.start(b.feed(nil))
	stop := publishLoad(t, open(t, s.URL()), fourDevices)
	for i := range 3 {
		n := 100 * (i + 1)
		b.eventually("more records", func() bool { return b.sink.has("d", n) })
		if i%2 == 0 {
			s.Kill()
		} else {
			s.Stop()
		}
		s.Start()
	}
	b.wantRecords(stop(), fourDevices)
	if _, repeats, _ := b.sink.counts(); repeats == 0 {
		t.Error("no record was repeated: the group was not set back after a restart of the server")
	}
}

func TestReadingResumesAfterTheServerLostEverything(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	b.start(b.feed(nil))
	publish(t, b.client, "s", 0, 20, "a")
	b.wantRecords(20, []string{"a"})
	s.Kill()
	s.Start()
	c := open(t, s.URL())
	publish(t, c, "s", 0, 20, "b")
	b.wantRecords(20, []string{"b"})
}

// A promoted replica may lack entries, and its clock may be slow. Its new entries may
// then have lower ids than those that were read from the old server.
func TestFailoverToAnOlderReplica(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	f := b.feed(nil)
	b.prepare(f)
	publish(t, b.client, "s", 0, 5, "a")
	r := f.readers[0]
	last, err := b.client.LastID(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	// The last entry read from the old server was five seconds newer.
	r.setPosition(redis.ID{Ms: last.Ms + 5000})
	r.runID = "the old server"
	s.Do("XGROUP", "SETID", "s", f.group, fmt.Sprintf("%d-0", last.Ms+5000))
	if err := r.resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := last.Sub(failoverMargin); r.position() != want {
		t.Errorf("the group is at %v, want %v", r.position(), want)
	}
	if r.runID == "the old server" {
		t.Error("the run id of the new server was not stored")
	}
	// A second failure before the first read does not move the group.
	if err := r.resume(t.Context()); err != nil || r.position() != last.Sub(failoverMargin) {
		t.Errorf("after a second failure the group is at %v: %v", r.position(), err)
	}
	b.background(f.Run)
	b.wantRecords(5, []string{"a"})
}

// A failover does not affect all connections: that of the reader leads to the new
// server, but the shared one stays on the old server, which keeps answering.
func TestFailoverWithoutTheSharedConnection(t *testing.T) {
	old, master := testenv.Redis(t), testenv.Redis(t)
	p := testenv.Proxy(t, old.Addr())
	b := newBench(t, "redis://"+p.Addr())
	b.start(b.feed(func(o *Options) { o.Block = 50 * time.Millisecond }))
	publish(t, open(t, old.URL()), "s", 0, 5, "a")
	b.wantRecords(5, []string{"a"})

	direct := open(t, master.URL())
	publish(t, direct, "s", 0, 10, "a") // the first five stand for what was replicated
	p.Retarget(master.Addr())
	for line := range strings.Lines(old.Do("CLIENT", "LIST").(string)) {
		if strings.Contains(line, "cmd=xreadgroup") {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
			old.Do("CLIENT", "KILL", "ID", id)
		}
	}
	b.wantRecords(10, []string{"a"})
	publish(t, direct, "s", 10, 20, "a")
	b.wantRecords(20, []string{"a"})
}

func TestGroupDestroyedWhileReading(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(func(o *Options) { o.Block = 200 * time.Millisecond })
		b.start(f)
		for i := range 5 {
			publish(t, b.client, "s", 100*i, 100*i+100, "a")
			b.wantRecords(100*(i+1), []string{"a"})
			if _, err := b.client.DestroyGroup(t.Context(), "s", f.group); err != nil {
				t.Fatal(err)
			}
		}
		publish(t, b.client, "s", 500, 600, "a")
		b.wantRecords(600, []string{"a"})
	})
}

func TestStreamDeletedWhileReading(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	b.start(b.feed(func(o *Options) { o.Block = 200 * time.Millisecond }))
	for i := range 3 {
		publish(t, b.client, "s", 100*i, 100*i+100, "a")
		b.wantRecords(100*(i+1), []string{"a"})
		s.Do("DEL", "s")
	}
	publish(t, b.client, "s", 300, 400, "a")
	b.wantRecords(400, []string{"a"})
}

// With a stream key of another type every read fails. The reader must back off, log it
// once, and recover when the key is corrected.
func TestPersistentReadFailureBacksOffAndRecovers(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	b.start(b.feed(func(o *Options) { o.Block = 50 * time.Millisecond }))
	publish(t, b.client, "s", 0, 5, "a")
	b.wantRecords(5, []string{"a"})
	s.Do("SET", "s", "a plain value")
	failed := func() (n int) {
		fmt.Sscan(b.metric(`processor_live_stream_read_errors_total{stream="s"}`), &n)
		return n
	}
	begin, before := time.Now(), failed()
	b.eventually("a few failures", func() bool { return failed() >= before+6 })
	// At least five pauses, each at half of its maximum.
	if d, minimum := time.Since(begin), (1+2+4+8+16)*pace.FirstDelay/2; d < minimum {
		t.Errorf("six failures in %v, want at least %v", d, minimum)
	}
	if n := b.log.count("level=WARN", "reading the stream failed"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	s.Do("DEL", "s")
	publish(t, b.client, "s", 5, 10, "a")
	b.wantRecords(10, []string{"a"})
}
