package monitor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"pitwall/engine/internal/plain"
	"pitwall/engine/ops"
)

// Device prints why a device shows or does not.
func Device(ctx context.Context, t Target, id string, asJSON bool, out io.Writer) error {
	c, err := newClient(t)
	if err != nil {
		return err
	}
	var d ops.Device
	if err := c.get(ctx, "/device", url.Values{"id": {id}}, &d, http.StatusOK); err != nil {
		return err
	}
	if asJSON {
		return plain.WriteJSON(out, d)
	}
	_, err = io.WriteString(out, deviceText(&d, time.Now()))
	return err
}

func deviceText(d *ops.Device, now time.Time) string {
	var b strings.Builder
	state := "shows"
	if !d.Visible {
		state = "does not show"
	}
	fmt.Fprintf(&b, "device %s %s\n", plain.Text(d.ID), state)
	for _, r := range d.Reasons {
		fmt.Fprintf(&b, "  %s\n", plain.Line(r))
	}
	b.WriteString("\n")
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	events := make([]string, len(d.Events))
	for i, e := range d.Events {
		events[i] = fmt.Sprintf("%s (%s)", plain.Text(e.Event), plain.Count(e.Spectators, "spectator", "spectators"))
	}
	if len(events) == 0 {
		events = []string{"none"}
	}
	fmt.Fprintf(table, "events\t%s\n", strings.Join(events, ", "))
	fmt.Fprintf(table, "orphan\t%s\n", yes(d.Orphan))
	fmt.Fprintf(table, "last shown\t%s\n", recordText(d.Live, now))
	stored := recordText(d.Stored, now)
	if d.StoredError != "" {
		stored = "not known: " + plain.Line(d.StoredError)
	}
	fmt.Fprintf(table, "last in the table\t%s\n", stored)
	fmt.Fprintf(table, "faulty\t%d newer in the table, %d refused\n", d.FaultyRows, d.Refused)
	fmt.Fprintf(table, "clock\t%s\n", clockText(d.Clock))
	limit := "within"
	if d.Limited {
		limit = "beyond"
	}
	if d.Held {
		limit += ", a newer position waits"
	}
	fmt.Fprintf(table, "limit\t%s\n", limit)
	_ = table.Flush() // a Builder never fails
	return trimLines(b.String())
}

func recordText(r *ops.LastRecord, now time.Time) string {
	if r == nil {
		return "none"
	}
	text := fmt.Sprintf("%.6f, %.6f; time %s, arrived %s (%s ago)", r.Lat, r.Lon,
		r.Time.Format(time.RFC3339), r.Arrival.Format(time.RFC3339), now.Sub(r.Arrival).Round(time.Second))
	if !r.ShownAs.IsZero() && !r.ShownAs.Equal(r.Time) {
		text += ", shown as " + r.ShownAs.Format(time.RFC3339)
	}
	return text
}

func clockText(c ops.DeviceClock) string {
	state := c.State
	if state == "" {
		state = "not known"
	}
	if c.OffsetMS != 0 {
		return fmt.Sprintf("%s, by %v", plain.Text(state), (time.Duration(max(c.OffsetMS, -c.OffsetMS)) * time.Millisecond).Round(time.Second))
	}
	return plain.Text(state)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
