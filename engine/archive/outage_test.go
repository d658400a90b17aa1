package archive

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/testenv"
)

// publisher adds batches of numbered records until stop, which returns how many there
// are. It retries while Redis is away. A record whose fate is unknown is added again
// with the same number and time, as contract 1 requires of a publisher.
func (r *rig) publisher() (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	total := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			records := numbered(n, 10)
			for i := range records {
				records[i] = append(records[i], "ts", time.Now().Format(time.RFC3339Nano))
			}
			for r.client.AddAll(context.Background(), stream, 0, records) != nil {
				_ = pace.Sleep(context.Background(), 20*time.Millisecond)
			}
			n += len(records)
			_ = pace.Sleep(ctx, 10*time.Millisecond) // more would only make the table larger
		}
		total <- n
	}()
	stop = sync.OnceValue(func() int {
		cancel()
		return <-total
	})
	r.t.Cleanup(func() { stop() })
	return stop
}

// waitForRows waits until n more rows are committed.
func (r *rig) waitForRows(n int) {
	r.t.Helper()
	const rows = "processor_archive_rows_total"
	from := r.metric(rows)
	r.eventually("more rows", func() bool { return r.metric(rows) >= from+n })
}

func TestDatabaseAwayInTheMiddle(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*testenv.PostgresServer)
	}{
		{"stopped", (*testenv.PostgresServer).Stop},
		{"crashed", (*testenv.PostgresServer).Crash},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testenv.Redis(t).URL(), migratedURL(t))
			pg := testenv.Postgres(t)
			r.run(r.newArchive(nil))
			stop := r.publisher()
			r.waitForRows(100)
			tt.end(pg)
			r.eventually("failures", func() bool { return r.metric("processor_archive_failures_total") >= 3 })
			pg.Start()
			r.waitForRows(100)
			r.wantRows(stop())
			if n := r.log.count("could not be written"); n < 1 || n > 2 {
				t.Errorf("%d log lines about the outage, want 1, or 2 if it took long", n)
			}
			r.wantMetric("processor_archive_read_errors_total", 0)
		})
	}
}

func TestRedisAwayInTheMiddle(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*testenv.RedisServer)
	}{
		{"stopped", (*testenv.RedisServer).Stop},
		{"killed", (*testenv.RedisServer).Kill},
		{"clients cut", func(s *testenv.RedisServer) { s.CutClients() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := testenv.Redis(t, testenv.AOF())
			r := newRig(t, server.URL(), "")
			r.run(r.newArchive(nil))
			stop := r.publisher()
			for range 3 {
				r.waitForRows(50)
				before := r.metric("processor_archive_read_errors_total")
				tt.end(server)
				r.eventually("the interruption", func() bool {
					if tt.name == "clients cut" && r.metric("processor_archive_read_errors_total") == before {
						server.CutClients() // the first cut came between two commands
					}
					return r.metric("processor_archive_read_errors_total") > before
				})
				server.Start()
			}
			r.waitForRows(50)
			r.wantRows(stop())
		})
	}
}

// TestRepliesCutInTheMiddle loses replies after the group has advanced.
func TestRepliesCutInTheMiddle(t *testing.T) {
	r, proxy := newProxiedRig(t)
	direct := newRig(t, r.server.URL(), "") // publishes directly, not through the proxy
	r.run(r.newArchive(func(o *Options) { o.ClaimIdle = time.Hour }))
	stop := direct.publisher()
	for cut := range 8 {
		r.waitForRows(40)
		proxy.CutAfter(int64(cut * 397))
		r.eventually("the cut", func() bool { return proxy.Cuts() == cut+1 })
	}
	r.waitForRows(40)
	r.wantRows(stop())
	r.wantMetric("processor_archive_claimed_total", 0)
}

func TestGroupDestroyed(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		r.run(r.newArchive(nil))
		r.publish(stream, 0, 100)
		r.wantRows(100)
		if _, err := r.client.DestroyGroup(t.Context(), stream, Group); err != nil {
			t.Fatal(err)
		}
		r.publish(stream, 100, 100)
		r.wantRows(200)
		r.eventually("the first hundred as duplicates", func() bool { return r.metric("processor_archive_duplicates_total") == 100 })
		r.wantMetric("processor_archive_rows_total", 200)
		r.wantMetric("processor_archive_groups_lost_total", 1)
		if n := r.log.count("group was lost"); n != 1 {
			t.Errorf("%d log lines about the group, want 1", n)
		}
	})
}

func TestShutdownFinishesTheCurrentBatch(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		begun, release := make(chan struct{}), make(chan struct{})
		store := &faultyStore{Store: r.db, before: func(ctx context.Context, n int, _ []codec.Position) error {
			if n == 1 {
				close(begun)
				<-release
			}
			return ctx.Err() // the end of Run's context must not cancel it
		}}
		a := r.newArchive(func(o *Options) { o.Store = store })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		r.publish(stream, 0, 100) // before the first read, which brings them all
		go func() { ended <- a.Run(ctx) }()
		<-begun
		cancel()
		close(release)
		if err := <-ended; err != nil {
			t.Fatalf("Run: %v", err)
		}
		// No waiting: the shutdown must have finished everything.
		if rows, p := len(r.rows(200)), r.pending(stream); rows != 100 || p.Count != 0 {
			t.Errorf("%d rows and %d pending after the shutdown, want 100 and 0", rows, p.Count)
		}
	})
}

func TestShutdownWithoutADatabaseIsBounded(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		store := &faultyStore{Store: r.db, before: failing(1 << 30)}
		r.publish(stream, 0, 100)
		stop := r.run(r.newArchive(func(o *Options) { o.Store, o.FlushTimeout = store, 50*time.Millisecond }))
		r.eventually("failures", func() bool { return store.calls() > 1 })
		if err := stop(); !errors.Is(err, errFlushTimeout) {
			t.Errorf("Run returned %v", err)
		}
		if n := r.pending(stream).Count; n != 100 {
			t.Errorf("%d pending, want 100", n)
		}
	})
}

func TestStartWithoutServers(t *testing.T) {
	server := testenv.Redis(t)
	r := newRig(t, server.URL(), "")
	server.Stop()
	stop := r.run(r.newArchive(nil))
	r.eventually("failures", func() bool { return r.metric("processor_archive_read_errors_total") >= 2 })
	server.Start()
	r.eventually("the server", func() bool { return r.client.Ping(t.Context()) == nil })
	r.publish(stream, 0, 10)
	r.wantRows(10)
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if n := r.log.count("archiving was interrupted"); n != 1 {
		t.Errorf("%d log lines, want 1", n)
	}
}
