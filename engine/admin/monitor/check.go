package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/plain"
	"pitwall/engine/ops"
)

// Exit is a result of Check, as monitoring plugins and container runtimes read it.
type Exit int

// The results. Critical is also a process that does not answer. Unknown means that the
// question was wrong, or the answer is not that of Pitwall.
const (
	ExitOK Exit = iota
	ExitWarning
	ExitCritical
	ExitUnknown
)

// String returns the word of monitoring plugins.
func (e Exit) String() string {
	return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[e]
}

// result is what Check prints.
type result struct {
	State   string      `json:"state"` // ok, warning, critical, unknown
	Exit    Exit        `json:"exit"`
	Reason  string      `json:"reason"`
	Report  *ops.Report `json:"report,omitempty"` // nil without an answer with details
	Answers bool        `json:"answers"`
}

// Check asks a process whether it works, and prints the result as nagios (one line with
// performance data), json, or prometheus (text for a collector of files). Without the
// token of a process that requires one it uses the short answer of /readyz, which has
// no details. err is that of out.
func Check(ctx context.Context, t Target, format string, out io.Writer) (Exit, error) {
	r := examine(ctx, t)
	r.State = strings.ToLower(r.Exit.String())
	r.Reason = plain.Line(r.Reason)
	var err error
	switch format {
	case "json":
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		err = e.Encode(r)
	case "prometheus":
		_, err = io.WriteString(out, r.prometheus())
	default:
		_, err = io.WriteString(out, r.nagios())
	}
	return r.Exit, err
}

// examine asks the process.
func examine(ctx context.Context, t Target) result {
	c, err := newClient(t)
	if err != nil {
		return result{Exit: ExitUnknown, Reason: err.Error()}
	}
	report, err := c.report(ctx)
	if err == nil {
		exit, reason := judge(&report)
		return result{Exit: exit, Reason: reason, Report: &report, Answers: true}
	}
	if errors.Is(err, errToken) && t.OpsToken == "" {
		return c.short(ctx)
	}
	return failed(err)
}

// short uses the answer of /readyz that needs no token.
func (c *client) short(ctx context.Context) result {
	var a struct {
		Ready  *bool  `json:"ready"`
		Reason string `json:"reason"`
	}
	err := c.get(ctx, "/readyz", nil, &a, http.StatusOK, http.StatusServiceUnavailable)
	switch {
	case err != nil:
		return failed(err)
	case a.Ready == nil:
		return result{Exit: ExitUnknown, Reason: c.base.Redacted() + " does not answer as Pitwall"}
	case *a.Ready:
		return result{Exit: ExitOK, Reason: "ready", Answers: true}
	}
	return result{Exit: ExitCritical, Reason: "not ready: " + a.Reason, Answers: true}
}

// failed is the result of a request without a usable answer.
func failed(err error) result {
	if errors.Is(err, errNoAnswer) {
		return result{Exit: ExitCritical, Reason: err.Error()}
	}
	return result{Exit: ExitUnknown, Reason: err.Error()}
}

// judge sums up a report.
func judge(r *ops.Report) (Exit, string) {
	if !r.Ready {
		return ExitCritical, "not ready: " + r.Reason
	}
	var faults []string
	for _, p := range r.Parts {
		if p.State != health.OK {
			faults = append(faults, p.Part+": "+p.Reason)
		}
	}
	if len(faults) > 0 {
		return ExitWarning, "ready, with faults: " + strings.Join(faults, "; ")
	}
	return ExitOK, "ready"
}

// nagios is one line: state, reason and performance data. The bar begins the data, so
// the reason must not contain one.
func (r *result) nagios() string {
	line := "PITWALL " + r.Exit.String() + " - " + strings.ReplaceAll(r.Reason, "|", "/")
	if r.Report == nil {
		return line + "\n"
	}
	a := r.Report
	live, archive := worst(a.Lags, "live"), worst(a.Lags, "archive")
	return line + fmt.Sprintf(" | connections=%d;;;0 records=%.1f;;;0 positions=%.1f;;;0 rows=%.1f;;;0 live_lag=%dms;;;0 archive_lag=%dms;;;0 orphans=%d;;;0 faults=%d;;;0\n",
		a.Connections, a.Rates.Records, a.Rates.Positions, a.Rates.Rows, live, archive, a.OrphanDevices, faults(a))
}

// prometheus is text for the collector of files of node_exporter.
func (r *result) prometheus() string {
	var b strings.Builder
	gauge := func(name, help string, v any) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %[1]s gauge\n%[1]s %[3]v\n", name, help, v)
	}
	answers := 0
	if r.Answers {
		answers = 1
	}
	gauge("pitwall_check_state", "Result of pitwall check: 0 ok, 1 warning, 2 critical, 3 unknown.", int(r.Exit))
	gauge("pitwall_check_answers", "Whether the process answered.", answers)
	if r.Report != nil {
		gauge("pitwall_check_connections", "Connections of spectators.", r.Report.Connections)
		gauge("pitwall_check_faults", "Parts with a fault.", faults(r.Report))
		gauge("pitwall_check_live_lag_seconds", "Largest lag of the live part.", float64(worst(r.Report.Lags, "live"))/1000)
		gauge("pitwall_check_archive_lag_seconds", "Largest lag of the archive.", float64(worst(r.Report.Lags, "archive"))/1000)
	}
	return b.String()
}

// faults counts the parts with a fault.
func faults(r *ops.Report) (n int) {
	for _, p := range r.Parts {
		if p.State != health.OK {
			n++
		}
	}
	return n
}

// worst is the largest lag of a reader, in ms.
func worst(lags []ops.Lag, reader string) (most int64) {
	for _, l := range lags {
		if l.Reader == reader {
			most = max(most, l.MS)
		}
	}
	return most
}
