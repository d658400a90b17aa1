package faults

import (
	"context"
	"fmt"
	"log/slog"
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

// publisher publishes 2,000 positions a second, with strictly increasing times
// for each device. A batch that fails is sent again until it is acknowledged,
// as contract 1 allows a publisher that sends ts.
type publisher struct {
	t       testing.TB
	client  *redis.Client
	devices int
	every   time.Duration
	cancel  context.CancelFunc
	ended   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	last    map[string]int64
	acked   map[string]bool // recordName of every record acknowledged
	retries int
	broken  error // what ended it unasked
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
	ctx, cancel := context.WithCancel(context.Background())
	l := &publisher{t: s.T, client: c, devices: devices, every: every, cancel: cancel, last: map[string]int64{}, acked: map[string]bool{}}
	l.ended.Go(func() { l.run(ctx) })
	s.T.Cleanup(l.stop)
	return l
}

// stop ends the load once the current batch is acknowledged. It may be called
// again.
func (l *publisher) stop() {
	l.t.Helper()
	l.cancel()
	l.ended.Wait()
	l.client.Close()
	if l.broken != nil {
		l.t.Errorf("the load ended: %v", l.broken)
	}
}

func (l *publisher) run(ctx context.Context) {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	sent := map[string]int64{}
	for n := 0; ; n += batchSize {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		names, records := l.next(n, sent)
		if err := l.send(records); err != nil {
			l.mu.Lock()
			l.broken = err
			l.mu.Unlock()
			return
		}
		l.mu.Lock()
		for _, name := range names {
			l.acked[name] = true
		}
		for d, ts := range sent {
			l.last[d] = ts
		}
		l.mu.Unlock()
	}
}

// next makes the records n to n+batchSize, and their names as in acked and the
// table.
func (l *publisher) next(n int, sent map[string]int64) (names []string, records [][]string) {
	for i := range batchSize {
		device := e2etest.Device((n + i) % l.devices)
		ts := max(sent[device]+1, time.Now().UnixMilli())
		sent[device] = ts
		names = append(names, recordName(device, ts, n+i))
		records = append(records, record(device, ts, n+i))
	}
	return names, records
}

// recordName names a record as the query tableNames does.
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
		l.mu.Lock()
		l.retries++
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// count is how many records have been acknowledged.
func (l *publisher) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// more waits until n more records than now have been acknowledged.
func (l *publisher) more(s *stack, n int) {
	s.T.Helper()
	want := l.count() + n
	s.Eventually(fmt.Sprintf("%d more records to be published", n), func() bool { return l.count() >= want })
}

// newest returns the time of the last acknowledged record of each device.
func (l *publisher) newest() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := make(map[string]int64, len(l.last))
	for d, ts := range l.last {
		newest[d] = ts
	}
	return newest
}

// names returns what acked holds, in order.
func (l *publisher) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := make([]string, 0, len(l.acked))
	for name := range l.acked {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tableNames is the query that names the rows of the table as recordName does.
const tableNames = `SELECT device_id || ' ' || (extract(epoch FROM ts) * 1000)::bigint || ' ' || (attributes->>'n') FROM positions`

// wantTable waits until the archive has acknowledged the whole stream, and
// compares the table with the names: each must be there once, and no other.
func (s *stack) wantTable(names []string) {
	s.T.Helper()
	s.Eventually("the archive to acknowledge everything", func() bool {
		return s.Delivered() == s.Last() && s.Pending() == 0
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
