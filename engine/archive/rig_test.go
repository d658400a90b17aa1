package archive

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/alicebob/miniredis/v2"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

const stream = "telemetry:t"

// rig is a Redis server and a database, for the archives of a test.
type rig struct {
	t      *testing.T
	server *testenv.RedisServer // nil for the embedded one
	url    string               // of Redis, as the archive connects to it
	client *redis.Client
	db     db.Database
	pgURL  string // "" on SQLite
	set    *metrics.Set
	log    *logBuffer
}

// onAllServers runs fn with each supported combination of servers.
func onAllServers(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Run("redis-server, PostgreSQL", func(t *testing.T) {
		fn(t, newRig(t, testenv.Redis(t).URL(), migratedURL(t)))
	})
	t.Run("redis-server, PostgreSQL, partitions", func(t *testing.T) { fn(t, newPartitionedRig(t)) })
	t.Run("redis-server, SQLite", func(t *testing.T) { fn(t, newRig(t, testenv.Redis(t).URL(), "")) })
	t.Run("embedded, SQLite", func(t *testing.T) {
		fn(t, newRig(t, "redis://"+miniredis.RunT(t).Addr(), ""))
	})
}

// onPostgres runs fn with a single table and with a partitioned one.
func onPostgres(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Run("one table", func(t *testing.T) { fn(t, newServerRig(t, migratedURL(t))) })
	t.Run("partitions", func(t *testing.T) { fn(t, newPartitionedRig(t)) })
}

// newPartitionedRig has a partitioned table with the months of yesterday and after.
func newPartitionedRig(t *testing.T) *rig {
	t.Helper()
	return newServerRig(t, partitionedURL(t))
}

// newServerRig is newRig with a Redis server of its own, in rig.server.
func newServerRig(t *testing.T, pgURL string) *rig {
	t.Helper()
	server := testenv.Redis(t)
	r := newRig(t, server.URL(), pgURL)
	r.server = server
	return r
}

// newRig connects to servers. The database is migrated; pgURL is "" for one of SQLite.
func newRig(t *testing.T, redisURL, pgURL string) *rig {
	t.Helper()
	return newPooledRig(t, redisURL, pgURL, pgURL)
}

// newProxiedRig has a Redis server that the archive reaches through a proxy.
func newProxiedRig(t *testing.T) (*rig, *testenv.TCPProxy) {
	t.Helper()
	server := testenv.Redis(t)
	proxy := testenv.Proxy(t, server.Addr())
	r := newRig(t, "redis://"+proxy.Addr(), "")
	r.server = server
	return r, proxy
}

// newPooledRig is newRig with a pooler in front of the database.
func newPooledRig(t *testing.T, redisURL, pooledURL, pgURL string) *rig {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	o := db.Options{URL: pooledURL, DirectURL: pgURL, Logger: quiet}
	if pgURL == "" {
		o.DataDir = migratedDir(t)
	}
	store, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	client, err := redis.Open(t.Context(), redis.Options{URL: redisURL, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &rig{t: t, url: redisURL, client: client, db: store, pgURL: pgURL, set: metrics.NewSet(), log: new(logBuffer)}
}

// reopen opens the database again, because settings of a database or a role apply
// to new sessions only.
func (r *rig) reopen() {
	r.t.Helper()
	store, err := db.Open(r.t.Context(), db.Options{URL: r.pgURL, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(store.Close)
	r.db = store
}

// partition makes the table partitioned, without any month.
func (r *rig) partition() {
	r.t.Helper()
	if done, err := r.db.EnablePartitions(r.t.Context()); err != nil || !done {
		r.t.Fatalf("enable partitions: %v, %v", done, err)
	}
}

// newArchive makes an archive for the consumer "one". change, if not nil, adjusts the
// options.
func (r *rig) newArchive(change func(*Options)) *Archive {
	o := Options{
		Client: r.client, Store: r.db, Partitions: r.db, PartitionAhead: 2, Streams: []string{stream}, Consumer: "one",
		Limits: codec.DefaultLimits(), Writers: 3, Block: 100 * time.Millisecond, BatchWait: -1, LagEvery: 100 * time.Millisecond,
		Logger: r.slog(), Metrics: r.set,
	}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func (r *rig) slog() *slog.Logger { return slog.New(slog.NewTextHandler(r.log, nil)) }

// run runs an archive until the test ends. stop ends it earlier and returns the
// result of Run.
func (r *rig) run(a *Archive) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	r.t.Cleanup(func() { _ = stop() })
	return stop
}

// add publishes one record and returns its id.
func (r *rig) add(key string, fields ...string) string {
	r.t.Helper()
	id, err := r.client.Add(r.t.Context(), key, 0, fields...)
	if err != nil {
		r.t.Fatal(err)
	}
	return id.String()
}

// numbered returns count records, numbered from from on, each of a different device,
// so that every row of the table can be identified.
func numbered(from, count int) [][]string {
	records := make([][]string, count)
	for i := range records {
		n := from + i
		records[i] = []string{"device_id", fmt.Sprintf("d-%06d", n), "lat", "47.5",
			"lon", strconv.Itoa(n % 180), "attributes", fmt.Sprintf(`{"n":%d}`, n)}
		if n%10 == 7 { // some with a payload
			records[i] = []string{"device_id", fmt.Sprintf("d-%06d", n), "codec", "8E", "payload",
				fmt.Sprintf(`{"device_id":"x","timestamp":%d,"latitude":47.5,"longitude":8,"faulty":false}`, time.Now().UnixMilli())}
		}
	}
	return records
}

// publish adds numbered records in one command.
func (r *rig) publish(key string, from, count int) {
	r.t.Helper()
	if err := r.client.AddAll(r.t.Context(), key, 0, numbered(from, count)); err != nil {
		r.t.Fatal(err)
	}
}

// rows returns the last positions in the table of the numbered devices below n, in
// their order.
func (r *rig) rows(n int) (list []codec.Position) {
	r.t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("d-%06d", i)
	}
	const sessions = 8 // broken sessions that a stopped server may have left in the pool
	for try := 0; ; try++ {
		list = list[:0]
		err := r.db.LastPositions(r.t.Context(), names, db.LiveRule{Tolerance: time.Hour}, func(l *db.Last) error {
			if l.Good != nil {
				list = append(list, *l.Good)
			}
			return nil
		})
		if err == nil {
			break
		}
		if try == sessions {
			r.t.Fatal(err)
		}
	}
	slices.SortFunc(list, func(a, b codec.Position) int { return strings.Compare(a.DeviceID, b.DeviceID) })
	return list
}

// wantRows waits until the table holds exactly the numbered records 0 to n-1 and
// nothing is pending.
func (r *rig) wantRows(n int) {
	r.t.Helper()
	const beyond = 100 // as many further devices must have no rows
	r.eventually(fmt.Sprintf("%d rows", n), func() bool { return len(r.rows(n+beyond)) >= n })
	got := r.rows(n + beyond)
	for i := range n {
		if want := fmt.Sprintf("d-%06d", i); i >= len(got) || got[i].DeviceID != want {
			r.t.Fatalf("row %d is not %s; %d rows in all", i, want, len(got))
		}
	}
	if len(got) > n {
		r.t.Fatalf("%d rows, want %d: %v", len(got), n, got[n:])
	}
	if r.pgURL != "" { // counts rows, not devices
		rows := testenv.Postgres(r.t).Query(r.pgURL, "SELECT count(*) FROM positions")
		if rows != strconv.Itoa(n) {
			r.t.Fatalf("positions has %s rows, want %d", rows, n)
		}
	}
	r.wantNothingPends(stream)
}

// pending returns what is pending in the group.
func (r *rig) pending(key string) redis.Pending {
	p, err := r.client.PendingSummary(r.t.Context(), key, Group)
	if err != nil && !redis.IsNoGroup(err) && !redis.IsConnection(err) {
		r.t.Fatal(err)
	}
	return p
}

// wantNothingPends waits until nothing is pending in the group.
func (r *rig) wantNothingPends(key string) {
	r.t.Helper()
	r.eventually("everything to be acknowledged", func() bool { return r.pending(key).Count == 0 })
}

// deadLetters returns the dead letters of a stream.
func (r *rig) deadLetters(key string) [][]string {
	r.t.Helper()
	entries, err := r.client.Range(r.t.Context(), r.client.DeadKey(key), redis.ID{}, redis.MaxID, 1000, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	letters := make([][]string, len(entries))
	for i, e := range entries {
		letters[i] = e.Fields
	}
	return letters
}

// metric returns the value of a metric as /metrics shows it, -1 for none.
func (r *rig) metric(name string) int {
	r.t.Helper()
	var text bytes.Buffer
	r.set.WritePrometheus(&text)
	for line := range strings.SplitSeq(text.String(), "\n") {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				r.t.Fatalf("%s is %q", name, v)
			}
			return int(n)
		}
	}
	return -1
}

// wantMetric compares a metric.
func (r *rig) wantMetric(name string, want int) {
	r.t.Helper()
	if got := r.metric(name); got != want {
		r.t.Errorf("%s is %d, want %d", name, got, want)
	}
}

// waitMetric waits for a metric that is counted after the step that the test waited
// for.
func (r *rig) waitMetric(name string, want int) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%s to be %d", name, want), func() bool { return r.metric(name) == want })
}

// eventually waits for a condition, long enough for a busy machine.
func (r *rig) eventually(what string, cond func() bool) {
	r.t.Helper()
	testenv.Eventually(r.t, 2*time.Minute, what, cond)
}

// named replaces %s in SQL by the name of the database.
func (r *rig) named(sql string) string {
	name, _, _ := strings.Cut(r.pgURL[strings.LastIndexByte(r.pgURL, '/')+1:], "?")
	return strings.ReplaceAll(sql, "%s", name)
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// count returns how many lines contain the text.
func (l *logBuffer) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.SplitSeq(l.buf.String(), "\n") {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
