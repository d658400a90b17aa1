package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/engine/internal/redis"
)

// What a faultLoad sends: each batch is one pipeline of XADDs, one record per
// device of the round.
const (
	faultBatch = 100
	faultEvery = 50 * time.Millisecond
)

// faultLoad publishes positions without a pause, 2,000 a second, the times of
// a device strictly increasing. A batch that fails is sent again until it is
// acknowledged, as contract 1 allows a publisher that sends ts.
type faultLoad struct {
	t       *testing.T
	client  *redis.Client
	devices int
	every   time.Duration
	cancel  context.CancelFunc
	ended   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	last    map[string]int64
	acked   map[string]bool // faultName of every record acknowledged
	retries int
	broken  error // what ended it unasked
}

// load begins to publish to the Redis at url. It ends with the test.
func (s *faultSite) load(url string, devices int) *faultLoad {
	s.t.Helper()
	return s.loadEvery(url, devices, faultEvery)
}

// loadEvery is load with a batch in another time.
func (s *faultSite) loadEvery(url string, devices int, every time.Duration) *faultLoad {
	s.t.Helper()
	c, err := redis.Open(s.t.Context(), redis.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &faultLoad{t: s.t, client: c, devices: devices, every: every, cancel: cancel, last: map[string]int64{}, acked: map[string]bool{}}
	l.ended.Go(func() { l.run(ctx) })
	s.t.Cleanup(l.stop)
	return l
}

// stop ends the load once the batch in hand is acknowledged. Twice is no
// error.
func (l *faultLoad) stop() {
	l.t.Helper()
	l.cancel()
	l.ended.Wait()
	l.client.Close()
	if l.broken != nil {
		l.t.Errorf("the load ended: %v", l.broken)
	}
}

func (l *faultLoad) run(ctx context.Context) {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	sent := map[string]int64{}
	for n := 0; ; n += faultBatch {
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

// next makes the records n to n+faultBatch, and their names as acked and the
// table have them.
func (l *faultLoad) next(n int, sent map[string]int64) (names []string, records [][]string) {
	for i := range faultBatch {
		device := faultDevice((n + i) % l.devices)
		ts := max(sent[device]+1, time.Now().UnixMilli())
		sent[device] = ts
		names = append(names, faultName(device, ts, n+i))
		records = append(records, faultRecord(device, ts, n+i))
	}
	return names, records
}

// faultName names a record as faultTable does.
func faultName(device string, ts int64, n int) string { return fmt.Sprintf("%s %d %d", device, ts, n) }

// faultRecord is a record of one of the two shapes, by turns.
func faultRecord(device string, ts int64, n int) []string {
	lat, lon := 40+float64(n%1000)/1000, 7+float64(n%777)/1000
	if n%2 == 0 {
		return []string{"device_id", device, "ts", fmt.Sprint(ts), "lat", fmt.Sprint(lat), "lon", fmt.Sprint(lon),
			"speed", fmt.Sprint(n % 90), "attributes", fmt.Sprintf(`{"n":%d}`, n)}
	}
	return []string{"device_id", device, "codec", "8E", "payload", fmt.Sprintf(
		`{"device_id":"%s","timestamp":"%s","latitude":%v,"longitude":%v,"angle":%d,"attributes":{"n":%d}}`,
		device, time.UnixMilli(ts).UTC().Format("2006-01-02T15:04:05.000Z"), lat, lon, n%360, n)}
}

// send publishes a batch, again and again until all of it is acknowledged.
func (l *faultLoad) send(records [][]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), faultPatience)
	defer cancel()
	for {
		err := l.client.AddAll(ctx, faultStream, 0, records)
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
func (l *faultLoad) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// more waits until n more records than now have been acknowledged.
func (l *faultLoad) more(s *faultSite, n int) {
	s.t.Helper()
	want := l.count() + n
	s.eventually(fmt.Sprintf("%d more records to be published", n), func() bool { return l.count() >= want })
}

// newest returns the time of the last acknowledged record of each device.
func (l *faultLoad) newest() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := make(map[string]int64, len(l.last))
	for d, ts := range l.last {
		newest[d] = ts
	}
	return newest
}

// names returns what acked holds, in order.
func (l *faultLoad) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := make([]string, 0, len(l.acked))
	for name := range l.acked {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// faultTable is the statement that names the rows of the table as faultName
// does.
const faultTable = `SELECT device_id || ' ' || (extract(epoch FROM ts) * 1000)::bigint || ' ' || (attributes->>'n') FROM positions`

// wantTable waits until the archive has acknowledged the whole stream, and
// compares the table with the names: each once, and no other.
func (s *faultSite) wantTable(names []string) {
	s.t.Helper()
	s.eventually("the archive to acknowledge everything", func() bool {
		last := faultField(s.redis.Do("XINFO", "STREAM", faultStream), "last-generated-id")
		return s.delivered() == last && s.pending() == 0
	})
	rows := strings.Split(s.sql(faultTable), "\n")
	slices.Sort(rows)
	slices.Sort(names)
	faultCompare(s.t, "the table", rows, names)
}

// faultCompare fails the test when two sorted lists differ, and says where.
func faultCompare(t *testing.T, what string, got, want []string) {
	t.Helper()
	var lacks, surplus []string
	for len(got) > 0 || len(want) > 0 {
		switch {
		case len(got) > 0 && len(want) > 0 && got[0] == want[0]:
			got, want = got[1:], want[1:]
		case len(want) == 0 || len(got) > 0 && got[0] < want[0]:
			surplus, got = append(surplus, got[0]), got[1:]
		default:
			lacks, want = append(lacks, want[0]), want[1:]
		}
	}
	if len(lacks) > 0 {
		t.Errorf("%s lacks %d, for example %q", what, len(lacks), lacks[:min(3, len(lacks))])
	}
	if len(surplus) > 0 {
		t.Errorf("%s has %d too many, for example %q", what, len(surplus), surplus[:min(3, len(surplus))])
	}
}
