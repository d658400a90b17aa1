package faults

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/redis"
)

// A publisher sends batches: each is one pipeline of XADDs.
const (
	batchSize  = 100
	batchEvery = 50 * time.Millisecond
)

// ledger is what a publisher knows of the records that were acknowledged to it. The
// publisher writes to it from a goroutine of its own.
type ledger struct {
	t          testing.TB
	cancel     context.CancelFunc
	ended      sync.WaitGroup
	disconnect func()
	broken     error // what ended it unasked; once it has ended

	mu    sync.Mutex        // guards what follows
	acked map[string]string // names of records, by what identifies them
	last  map[string]int64  // the newest time of each device
}

// start runs a publisher until its context ends, which is with the test at the
// latest.
func (l *ledger) start(t testing.TB, publish func(context.Context) error, disconnect func()) {
	l.t, l.disconnect = t, disconnect
	l.acked, l.last = map[string]string{}, map[string]int64{}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	l.ended.Go(func() { l.broken = publish(ctx) })
	t.Cleanup(l.stop)
}

// stop ends the publisher once what it sends is acknowledged. It may be called again.
func (l *ledger) stop() {
	l.t.Helper()
	l.cancel()
	l.ended.Wait()
	l.disconnect()
	if l.broken != nil {
		l.t.Errorf("a publisher ended: %v", l.broken)
	}
}

// note adds a record that was acknowledged.
func (l *ledger) note(key string, r published) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[key], l.last[r.device] = r.name, r.ts
}

// count is how many records were acknowledged.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// more waits until n more records than now are acknowledged.
func (l *ledger) more(s *stack, n int) {
	s.T.Helper()
	want := l.count() + n
	s.Eventually(fmt.Sprintf("%d more records to be published", n), func() bool { return l.count() >= want })
}

// newest returns the time of the last acknowledged record of each device.
func (l *ledger) newest() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.last)
}

// names returns the names of the records that were acknowledged, in order.
func (l *ledger) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Values(l.acked))
}

// publisher publishes 2,000 positions a second, with strictly increasing times
// for each device. A batch that fails is sent again until it is acknowledged,
// as contract 1 allows a publisher that sends ts.
type publisher struct {
	ledger
	client  *redis.Client
	devices int
	every   time.Duration
	retries int // the publisher's own until it has ended
}

// load starts a publisher to the Redis at url. It ends with the test.
func (s *stack) load(url string, devices int) *publisher {
	s.T.Helper()
	return s.loadEvery(url, devices, batchEvery)
}

// loadEvery is load with another time between batches.
func (s *stack) loadEvery(url string, devices int, every time.Duration) *publisher {
	s.T.Helper()
	c, err := redis.Open(s.T.Context(), redis.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.T.Fatal(err)
	}
	l := &publisher{client: c, devices: devices, every: every}
	l.start(s.T, l.publish, c.Close)
	return l
}

func (l *publisher) publish(ctx context.Context) error {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	sent := map[string]int64{}
	for n := 0; ; n += batchSize {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var batch []published
		var records [][]string
		for i := range batchSize {
			r := newRecord(e2etest.Device((n+i)%l.devices), sent, n+i)
			batch, records = append(batch, r), append(records, r.fields)
		}
		if err := l.send(records); err != nil {
			return err
		}
		for _, r := range batch {
			l.note(r.name, r)
		}
	}
}

// published is a record with what identifies it.
type published struct {
	name   string // as tableNames has it
	device string
	ts     int64
	fields []string
}

// newRecord makes a record of now, and notes its time in sent: those of a device
// increase.
func newRecord(device string, sent map[string]int64, n int) published {
	ts := max(sent[device]+1, time.Now().UnixMilli())
	sent[device] = ts
	return published{recordName(device, ts, n), device, ts, record(device, ts, n)}
}

// recordName names a record as the query tableNames names its row.
func recordName(device string, ts int64, n int) string { return fmt.Sprintf("%s %d %d", device, ts, n) }

// record is a record in one of the two shapes, in turn.
func record(device string, ts int64, n int) []string {
	lat, lon := 40+float64(n%1000)/1000, 7+float64(n%777)/1000
	if n%2 == 0 {
		return []string{"device_id", device, "ts", fmt.Sprint(ts), "lat", fmt.Sprint(lat), "lon", fmt.Sprint(lon),
			"speed", fmt.Sprint(n % 90), "attributes", fmt.Sprintf(`{"n":%d}`, n)}
	}
	return []string{"device_id", device, "codec", "8E", "payload", fmt.Sprintf(
		`{"device_id":"%s","timestamp":"%s","latitude":%v,"longitude":%v,"angle":%d,"attributes":{"n":%d}}`,
		device, time.UnixMilli(ts).UTC().Format("2006-01-02T15:04:05.000Z"), lat, lon, n%360, n)}
}

// send publishes a batch, and repeats it until all of it is acknowledged.
func (l *publisher) send(records [][]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), e2etest.Patience)
	defer cancel()
	for {
		err := l.client.AddAll(ctx, e2etest.Stream, 0, records)
		if err == nil {
			return nil
		}
		l.retries++
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tableNames is the query that names the rows of the table as recordName does.
const tableNames = `SELECT device_id || ' ' || (extract(epoch FROM ts) * 1000)::bigint || ' ' || (attributes->>'n') FROM positions`

// wantTable waits until the archive has acknowledged the whole stream, and
// compares the table with the names: each must be there once, and no other.
func (s *stack) wantTable(names []string) {
	s.T.Helper()
	s.Eventually("the archive to acknowledge everything", func() bool {
		return e2etest.Drained(s.Redis, e2etest.Stream)
	})
	rows := strings.Split(s.SQL(tableNames), "\n")
	slices.Sort(rows)
	slices.Sort(names)
	wantSame(s.T, "the table", rows, names)
}

// wantSame fails the test when two sorted lists differ, and says where.
func wantSame(t testing.TB, what string, got, want []string) {
	t.Helper()
	var missing, surplus []string
	for len(got) > 0 || len(want) > 0 {
		switch {
		case len(got) > 0 && len(want) > 0 && got[0] == want[0]:
			got, want = got[1:], want[1:]
		case len(want) == 0 || len(got) > 0 && got[0] < want[0]:
			surplus, got = append(surplus, got[0]), got[1:]
		default:
			missing, want = append(missing, want[0]), want[1:]
		}
	}
	if len(missing) > 0 {
		t.Errorf("%s misses %d, for example %q", what, len(missing), missing[:min(3, len(missing))])
	}
	if len(surplus) > 0 {
		t.Errorf("%s has %d too many, for example %q", what, len(surplus), surplus[:min(3, len(surplus))])
	}
}
