package monitor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"pitwall/engine/internal/plain"
	"pitwall/engine/ops"
)

// Control sequences of terminals (ECMA-48, and the alternate screen of xterm).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // another screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

// Top prints once what a process does and what is slowest in it.
func Top(ctx context.Context, t Target, out io.Writer) error {
	c, err := newClient(t)
	if err != nil {
		return err
	}
	r, err := c.top(ctx)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, topText(&r, ops.MaxTopics+ops.MaxRanked))
	return err
}

// WatchTop shows the same on a terminal, again after each interval, until ctx ends. It
// leaves the terminal as it was. size returns columns and rows. terminal gets control
// sequences as they are, so everything else is escaped here.
func WatchTop(ctx context.Context, t Target, interval time.Duration, size func() (columns, rows int), terminal io.Writer) error {
	c, err := newClient(t)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(terminal, enterScreen); err != nil {
		return err
	}
	defer func() { _, _ = io.WriteString(terminal, leaveScreen) }() // nobody is left to tell
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		columns, rows := size()
		text := ""
		if r, err := c.top(ctx); err == nil {
			text = topText(&r, max(3, (rows-18)/3))
		} else {
			text = plain.Line(err.Error()) + "\n"
		}
		if ctx.Err() != nil {
			return nil
		}
		text = time.Now().Format(time.TimeOnly) + "  q ends\n" + text
		if _, err := io.WriteString(terminal, frame(text, columns, rows)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// frame is a screen with a text, cut to its size.
func frame(text string, columns, rows int) string {
	var b strings.Builder
	b.WriteString(toTop)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines[:min(len(lines), rows)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if utf8.RuneCountInString(l) > columns {
			l = string([]rune(l)[:columns])
		}
		b.WriteString(plain.Text(l) + clearLine)
	}
	b.WriteString(clearRest)
	return b.String()
}

// top asks for /top.
func (c *client) top(ctx context.Context) (r ops.Top, err error) {
	err = c.get(ctx, "/top", nil, &r, http.StatusOK)
	return r, err
}

// topText is a report for people, with at most most rows in each list.
func topText(r *ops.Top, most int) string {
	short := r.Report
	if left := len(short.Topics) - most; left > 0 {
		short.Topics, short.TopicsLeftOut = short.Topics[:most], short.TopicsLeftOut+left
	}
	var b strings.Builder
	b.WriteString(statusText(&short))
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	b.WriteString("\nslowest connections\n")
	for _, c := range r.Slowest[:min(len(r.Slowest), most)] {
		fmt.Fprintf(table, "  %d ms\t%d bytes\tlagged %d\tconnection %d\t%s\t%s\n", c.OldestMS, c.QueuedBytes, c.Lagged, c.ID, plain.Text(c.User), plain.Text(c.Address))
	}
	_ = table.Flush() // a Builder never fails
	if len(r.Slowest) == 0 {
		b.WriteString("  none\n")
	}
	b.WriteString("\ndevices in no event\n")
	for _, o := range r.Orphans[:min(len(r.Orphans), most)] {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", plain.Text(o.Device), lastHeard(o, r.Now), placeText(o.Place))
	}
	_ = table.Flush()
	switch {
	case r.OrphansError != "":
		fmt.Fprintf(&b, "  not known: %s\n", plain.Line(r.OrphansError))
	case len(r.Orphans) == 0:
		b.WriteString("  none\n")
	case r.OrphanDevices > min(len(r.Orphans), most):
		fmt.Fprintf(&b, "  and %d more\n", r.OrphanDevices-min(len(r.Orphans), most))
	}
	return trimLines(b.String())
}

func lastHeard(o ops.Orphan, now time.Time) string {
	if o.Arrival.IsZero() {
		return "nothing shown"
	}
	return fmt.Sprintf("%s (%s ago)", o.Arrival.UTC().Format(time.RFC3339), now.Sub(o.Arrival).Round(time.Second))
}

func placeText(p *ops.Place) string {
	if p == nil {
		return "no place"
	}
	return fmt.Sprintf("%.6f, %.6f", p.Lat, p.Lon)
}
