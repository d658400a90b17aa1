package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"pitwall/engine/embedded"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/plain"
)

// Banner lists what runs and at which address, for somebody who starts Pitwall by
// hand. It may be called once the engine is ready.
func (e *Engine) Banner() string {
	var b strings.Builder
	if addr := e.HTTPAddr(); addr != "" {
		tls, host := "", reachable(addr, "")
		if e.cfg.TLSCertFile != "" {
			tls, host = "s", reachable(addr, e.front.CertificateName())
		}
		fmt.Fprintf(&b, "  map        http%s://%s/\n  live       ws%[1]s://%[2]s/live\n", tls, host)
		if isEvery(addr) {
			fmt.Fprintf(&b, "  listening  on every address of this machine (HTTP_ADDR %s)\n", e.cfg.HTTPAddr)
		}
	}
	fmt.Fprintf(&b, "  health     http://%s/readyz?verbose\n  metrics    http://%[1]s/metrics\n", reachable(e.OpsAddr(), ""))
	if e.embedded != nil {
		fmt.Fprintf(&b, "  redis      embedded, on %s; its data is lost when the process ends. Set REDIS_URL for a real one.\n", e.RedisAddr())
	}
	if e.cfg.DatabaseURL == "" {
		fmt.Fprintf(&b, "  database   embedded SQLite in %s. Set DATABASE_URL for PostgreSQL.\n             It keeps %s.\n", e.cfg.DataDir, e.keeps())
	}
	if e.cfg.Simulate > 0 {
		fmt.Fprintf(&b, "  simulator  %s in the event demo; about one record in %d is broken on purpose (pitwall dead list)\n",
			plain.Count(e.cfg.Simulate, "device", "devices"), embedded.BrokenEvery)
	}
	return b.String()
}

// isEvery reports whether a listener's address is that of all interfaces.
func isEvery(addr string) bool {
	a, err := netip.ParseAddrPort(addr)
	return err == nil && a.Addr().IsUnspecified()
}

// reachable returns an address that a browser on this machine can open: a listener on
// every address is reached by name, or as localhost if name is "".
func reachable(addr, name string) string {
	if !isEvery(addr) {
		return addr
	}
	_, port, _ := net.SplitHostPort(addr) // isEvery has read it
	return net.JoinHostPort(cmp.Or(name, "localhost"), port)
}

// statusEvery is the pause between two status lines.
const statusEvery = 5 * time.Second

// ShowStatus writes a line to w every few seconds until ctx ends. It may be
// called once the engine is ready.
func (e *Engine) ShowStatus(ctx context.Context, w io.Writer) {
	before := e.readCounters()
	for pace.Sleep(ctx, statusEvery) == nil {
		now := e.readCounters()
		fmt.Fprintln(w, time.Now().Format(time.TimeOnly)+e.status(before, now))
		before = now
	}
}

// status shows the rates between two readings, of the parts that run.
func (e *Engine) status(before, now counters) string {
	var parts []string
	s := statusEvery.Seconds()
	if e.cfg.LiveEnabled {
		parts = append(parts, fmt.Sprintf("%.0f records/s in, %.0f positions/s out to %s",
			(now.records-before.records)/s, (now.deliveries-before.deliveries)/s, plain.Count(e.live.Connections(), "connection", "connections")))
	}
	if e.cfg.ArchiveEnabled {
		parts = append(parts, fmt.Sprintf("%.0f rows/s archived", (now.rows-before.rows)/s))
	}
	return "  " + strings.Join(parts, ", ")
}

// counters are the totals that the status line is made from.
type counters struct{ records, deliveries, rows float64 }

// readCounters reads the counters of the parts that run; reading another one would
// register it.
func (e *Engine) readCounters() (c counters) {
	read := func(name string) float64 { return float64(e.set.GetOrCreateCounter(name).Get()) }
	if e.cfg.LiveEnabled {
		c.records, c.deliveries = read("processor_live_records_total"), read("processor_live_deliveries_total")
	}
	if e.cfg.ArchiveEnabled {
		c.rows = read("processor_archive_rows_total")
	}
	return c
}
