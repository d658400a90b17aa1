package archive

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// BenchmarkArchive archives b.N records from a real redis-server to a real PostgreSQL
// with fsync on, all on this machine. It reports rows per second and bytes per row. Run
// it with a fixed count: -benchtime 300000x.
func BenchmarkArchive(b *testing.B) {
	for _, batch := range []int{1000, 2000} {
		for _, writers := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("batch=%d/writers=%d", batch, writers), func(b *testing.B) { benchArchive(b, batch, writers, false) })
		}
	}
	b.Run("batch=1000/writers=2/partitions", func(b *testing.B) { benchArchive(b, 1000, 2, true) })
}

func benchArchive(b *testing.B, batch, writers int, months bool) {
	quiet := slog.New(slog.DiscardHandler)
	url := testenv.NewDatabase(b)
	store, err := db.Open(b.Context(), db.Options{URL: url, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	if months {
		if _, err := store.EnablePartitions(b.Context()); err != nil {
			b.Fatal(err)
		}
		if _, err := store.MakePartitions(b.Context(), db.Months(time.Now().AddDate(0, -12, 0), 14)); err != nil {
			b.Fatal(err)
		}
	}
	client, err := redis.Open(b.Context(), redis.Options{URL: testenv.Redis(b).URL(), Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	const devices = 5000
	start := time.Now().UnixMilli() - int64(b.N)
	for n := 0; n < b.N; n += 1000 {
		records := make([][]string, min(1000, b.N-n))
		for i := range records {
			records[i] = []string{"device_id", fmt.Sprintf("device-%06d", (n+i)%devices), "ts", strconv.FormatInt(start+int64(n+i), 10),
				"lat", "46.123456", "lon", "-7.654321", "alt", "1203.5", "speed", "33.3", "course", "271", "sats", "9",
				"attributes", `{"239":1,"240":1,"21":4,"66":12534,"67":4012}`}
		}
		if err := client.AddAll(b.Context(), stream, 0, records); err != nil {
			b.Fatal(err)
		}
	}
	set := metrics.NewSet()
	a := New(Options{Client: client, Store: store, Streams: []string{stream}, Consumer: "one", BatchSize: batch, Writers: writers,
		Limits: codec.DefaultLimits(), Logger: quiet, Metrics: set})
	rows := set.GetOrCreateCounter("processor_archive_rows_total")
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	b.ResetTimer()
	go func() { ended <- a.Run(ctx) }()
	testenv.Eventually(b, 5*time.Minute, "all rows", func() bool { return rows.Get() == uint64(b.N) })
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	size, err := strconv.ParseFloat(testenv.Postgres(b).Query(url, "SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size('positions')) FROM pg_partition_tree('positions')"), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(size/float64(b.N), "B/row")
}
