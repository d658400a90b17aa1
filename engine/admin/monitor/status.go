package monitor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"pitwall/engine/internal/plain"
	"pitwall/engine/ops"
)

// Status prints what a process does: readiness with its parts, rates, lag, connections,
// and the topics with most spectators.
func Status(ctx context.Context, t Target, asJSON bool, out io.Writer) error {
	c, err := newClient(t)
	if err != nil {
		return err
	}
	r, err := c.report(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return plain.WriteJSON(out, r)
	}
	_, err = io.WriteString(out, statusText(&r))
	return err
}

// statusText is a report for people.
func statusText(r *ops.Report) string {
	var b strings.Builder
	state := "ready"
	if !r.Ready {
		state = "not ready: " + plain.Line(r.Reason)
	}
	fmt.Fprintf(&b, "%s\n", state)
	fmt.Fprintf(&b, "instance %s, up %s\n\n", plain.Text(r.Instance), r.Now.Sub(r.Started).Round(time.Second))
	rates := "not measured yet"
	if r.RateSeconds > 0 {
		rates = fmt.Sprintf("%.1f records/s in, %.1f positions/s out, %.1f rows/s archived", r.Rates.Records, r.Rates.Positions, r.Rates.Rows)
	}
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "rates\t%s\n", rates)
	for _, l := range r.Lags {
		fmt.Fprintf(table, "lag\t%s of %s: %d ms\n", l.Reader, plain.Text(l.Stream), l.MS)
	}
	fmt.Fprintf(table, "connections\t%s, %s\n", plain.Count(r.Connections, "connection", "connections"), plain.Count(r.Subscriptions, "subscription", "subscriptions"))
	fmt.Fprintf(table, "devices\t%d, of these %d in no event\n", r.Devices, r.OrphanDevices)
	fmt.Fprintf(table, "flush window\t%d ms\n", r.WindowMS)
	_ = table.Flush() // a Builder never fails

	b.WriteString("\nparts\n")
	for _, p := range r.Parts {
		fmt.Fprintf(table, "  %s\t%s\tsince %s\t%s\n", p.State, plain.Text(p.Part), p.Since.UTC().Format(time.RFC3339), plain.Line(p.Reason))
	}
	_ = table.Flush()
	b.WriteString("\ntopics by spectators\n")
	for _, t := range r.Topics {
		fmt.Fprintf(table, "  %d\tevent:%s\t%s\n", t.Spectators, plain.Text(t.Event), plain.Count(t.Devices, "device", "devices"))
	}
	_ = table.Flush()
	switch {
	case len(r.Topics) == 0:
		b.WriteString("  none\n")
	case r.TopicsLeftOut > 0:
		fmt.Fprintf(&b, "  and %d more\n", r.TopicsLeftOut)
	}
	return trimLines(b.String())
}

// trimLines removes spaces at the ends of lines, which the tables leave.
func trimLines(s string) string {
	var b strings.Builder
	for l := range strings.Lines(s) {
		b.WriteString(strings.TrimRight(l, " \n") + "\n")
	}
	return b.String()
}
