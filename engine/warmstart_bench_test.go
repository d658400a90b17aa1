package engine_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/admin"
	"pitwall/engine/config"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// The table of BenchmarkWarmStart has one row per device and second, up to a minute
// ago. The first letter of a device's name is its class: g has only good rows, t has
// faulty ones as its last thousand, f has only faulty ones, and n has no row.
const (
	warmGood, warmOdd = 5000, 100 // devices of g, and of each other class
	warmTail          = 1000
)

// warmFill inserts the positions of the seconds %[1]d down to %[2]d before a minute
// ago.
const warmFill = `INSERT INTO positions (device_id, ts, lat, lon, alt, speed, course, sats, priority, codec, attributes, received_at, faulty)
	SELECT d.name, t.at, 46 + d.i / 1e4, 7 + t.s / 1e5, 812.5, 41.7, 271.5, 12, 0, '8E',
	       ('{"239":1,"240":1,"21":4,"66":' || 12000 + t.s %% 999 || ',"67":4012}')::json, t.at + interval '300 ms',
	       d.class = 'f' OR d.class = 't' AND t.s < %[3]d
	FROM (SELECT s, now() - (s + 60) * interval '1 s' AS at FROM generate_series(%[1]d, %[2]d, -1) s) t,
	     (SELECT class, class || '-' || lpad(i::text, 6, '0') AS name, i
	      FROM (VALUES ('g', %[4]d), ('t', %[5]d), ('f', %[5]d)) c(class, n), generate_series(1, n) i) d`

// BenchmarkWarmStart reads the last positions of 5,000 devices from a real
// PostgreSQL with PITWALL_WARM_ROWS rows (default 500,000), and starts an engine with
// them: once with the table in memory (warm), and once after a restart of the server
// and, as root, with the kernel's cache dropped (cold). Fifty million rows take 11 GB
// in TMPDIR and some minutes:
//
//	PITWALL_WARM_ROWS=50000000 go test -run '^$' -bench WarmStart -benchtime 5x -timeout 1h ./engine
func BenchmarkWarmStart(b *testing.B) {
	rows := 500_000
	if text := os.Getenv("PITWALL_WARM_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			b.Fatal("PITWALL_WARM_ROWS: ", err)
		}
	}
	url := warmTable(b, rows)
	for _, roster := range []struct {
		name, class string
		odd         int // devices of the class; the others are good
	}{
		{"all good", "g", 0}, {"100 without rows", "n", warmOdd},
		{"100 with 1000 faulty at the end", "t", warmOdd}, {"10 all faulty", "f", warmOdd / 10}, {"100 all faulty", "f", warmOdd},
	} {
		devices := make([]string, warmGood)
		for i := range devices {
			class := "g"
			if i < roster.odd {
				class = roster.class
			}
			devices[i] = fmt.Sprintf("%s-%06d", class, i+1)
		}
		b.Run("last positions/"+roster.name, func(b *testing.B) {
			warmAndCold(b, func(b *testing.B) { warmLook(b, url, devices) })
		})
	}
	testenv.Postgres(b).Query(url, fmt.Sprintf(`INSERT INTO events VALUES ('race');
		INSERT INTO entries SELECT 'n-' || i, 'race' FROM generate_series(1, %[1]d) i;
		INSERT INTO entry_devices SELECT 'n-' || i, 'g-' || lpad(i::text, 6, '0') FROM generate_series(1, %[1]d) i`, warmGood))
	b.Run("engine", func(b *testing.B) { warmAndCold(b, func(b *testing.B) { warmEngine(b, url) }) })
}

// warmTable makes the table. To be fast, it is unlogged and the index is built at the
// end; reading it costs the same.
func warmTable(b *testing.B, rows int) (url string) {
	url = testenv.NewDatabase(b)
	c := config.Database{DatabaseURL: config.SecretURL(url), NotifyTriggers: true}
	if err := admin.MigrateUp(b.Context(), c, slog.New(slog.DiscardHandler), io.Discard); err != nil {
		b.Fatal(err)
	}
	pg := testenv.Postgres(b)
	pg.Query(url, "ALTER TABLE positions SET UNLOGGED; ALTER TABLE positions SET (autovacuum_enabled = false)")
	index := pg.Query(url, "SELECT pg_get_indexdef('positions_device_ts_idx'::regclass)")
	pg.Query(url, "DROP INDEX positions_device_ts_idx")
	seconds := max(1, rows/(warmGood+2*warmOdd))
	const atOnce = 200
	for from := seconds - 1; from >= 0; from -= atOnce {
		pg.Query(url, fmt.Sprintf(warmFill, from, max(0, from-atOnce+1), warmTail, warmGood, warmOdd))
	}
	pg.Query(url, "SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2; "+index)
	pg.Query(url, "VACUUM (ANALYZE) positions")
	fmt.Fprintln(os.Stderr, pg.Query(url, `SELECT reltuples::bigint || ' rows, table ' || pg_size_pretty(pg_table_size(oid)) || ', index '
		|| pg_size_pretty(pg_indexes_size(oid)) FROM pg_class WHERE relname = 'positions'`))
	return url
}

// warmAndCold measures with the table in memory, and with nothing in memory.
func warmAndCold(b *testing.B, run func(*testing.B)) {
	b.Run("warm", func(b *testing.B) {
		run(b)
		b.ResetTimer()
		for range b.N {
			run(b)
		}
	})
	b.Run("cold", func(b *testing.B) {
		pg := testenv.Postgres(b)
		for range b.N {
			b.StopTimer()
			pg.Stop()
			syscall.Sync()
			if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
				b.Log("the kernel's cache could not be dropped:", err)
			}
			pg.Start()
			b.StartTimer()
			run(b)
		}
	})
}

// warmLook reads the last positions once, over a new connection.
func warmLook(b *testing.B, url string, devices []string) {
	b.StopTimer()
	d, err := db.Open(b.Context(), db.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	b.StartTimer()
	found := 0
	err = d.LastPositions(b.Context(), devices, db.LiveRule{Tolerance: 5 * time.Second}, func(l *db.Last) error {
		if l.Good != nil {
			found++
		}
		return nil
	})
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(found), "found")
}

// warmEngine starts an engine and waits until it is ready.
func warmEngine(b *testing.B, url string) {
	b.StopTimer()
	cfg := e2etest.MustSettings(b, "--redis-url="+testenv.Redis(b).URL(), "--database-url="+url,
		"--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--live-drain-ms=0")
	b.StartTimer()
	e, err := e2etest.LaunchReady(cfg, new(e2etest.Log))
	b.StopTimer()
	if err == nil {
		err = e.Stop()
	}
	if err != nil {
		b.Fatal(err)
	}
}
