package engine

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"pitwall/engine/internal/plain"
)

// Banner says what runs and where, for somebody who starts it by hand. It may be
// called once the engine is ready.
func (e *Engine) Banner() string {
	var b strings.Builder
	if addr := e.HTTPAddr(); addr != "" {
		fmt.Fprintf(&b, "  map        http://%s/\n  live       ws://%s/live\n", addr, addr)
	}
	fmt.Fprintf(&b, "  health     http://%s/readyz?verbose\n  metrics    http://%s/metrics\n", e.OpsAddr(), e.OpsAddr())
	if e.embedded != nil {
		fmt.Fprintf(&b, "  redis      embedded, on %s; what it holds is lost with the process. Set REDIS_URL for a real one.\n", e.RedisAddr())
	}
	if e.cfg.DatabaseURL == "" {
		fmt.Fprintf(&b, "  database   embedded SQLite in %s. Set DATABASE_URL for PostgreSQL.\n", e.cfg.DataDir)
	}
	if e.cfg.Simulate > 0 {
		fmt.Fprintf(&b, "  simulator  %s in the event demo\n", plain.Count(e.cfg.Simulate, "device", "devices"))
	}
	return b.String()
}

// statusEvery is the pause between two status lines.
const statusEvery = 5 * time.Second

// ShowStatus writes a line on w every few seconds until ctx ends. It may be
// called once the engine is ready.
func (e *Engine) ShowStatus(ctx context.Context, w io.Writer) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	before := e.counted()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := e.counted()
		fmt.Fprintln(w, time.Now().Format(time.TimeOnly)+e.status(before, now))
		before = now
	}
}

// status says what was done between two counts, for the parts that run.
func (e *Engine) status(before, now counted) string {
	var parts []string
	s := statusEvery.Seconds()
	if e.cfg.LiveEnabled {
		parts = append(parts, fmt.Sprintf("%.0f records/s in, %.0f positions/s out to %s",
			(now.records-before.records)/s, (now.deliveries-before.deliveries)/s, plain.Count(e.connections(), "connection", "connections")))
	}
	if e.cfg.ArchiveEnabled {
		parts = append(parts, fmt.Sprintf("%.0f rows/s archived", (now.rows-before.rows)/s))
	}
	return "  " + strings.Join(parts, ", ")
}

type counted struct{ records, deliveries, rows float64 }

// counted reads the counters of the status line.
func (e *Engine) counted() counted {
	read := func(name string) float64 {
		return float64(e.set.GetOrCreateCounter(name).Get())
	}
	c := counted{}
	if e.cfg.LiveEnabled {
		c.records = read("processor_live_records_total")
		c.deliveries = read("processor_live_deliveries_total")
	}
	if e.cfg.ArchiveEnabled {
		c.rows = read("processor_archive_rows_total")
	}
	return c
}

func (e *Engine) connections() int {
	if e.live == nil {
		return 0
	}
	return e.live.Connections()
}
