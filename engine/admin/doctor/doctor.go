package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"pitwall/engine/config"
	"pitwall/engine/internal/plain"
)

// Severity of a finding.
type Severity string

// The severities. A warning works, but not under all conditions. An error keeps Pitwall
// from working, or from keeping what it promises.
const (
	OK      Severity = "ok"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Finding is one result of a check.
type Finding struct {
	Severity Severity `json:"severity"`
	Check    string   `json:"check"` // what was looked at
	Found    string   `json:"found"`
	Do       string   `json:"do,omitempty"` // what to do about it; "" for nothing
}

// serverTimeout bounds the checks of one server.
const serverTimeout = 15 * time.Second

// examination collects findings.
type examination struct {
	cfg   *config.Config
	found []Finding
	// ahead are the clocks of servers relative to this machine's.
	ahead []clock
}

func (e *examination) ok(check, format string, args ...any) { e.add(OK, check, "", format, args...) }

func (e *examination) warn(check, do, format string, args ...any) {
	e.add(Warning, check, do, format, args...)
}

func (e *examination) fail(check, do, format string, args ...any) {
	e.add(Error, check, do, format, args...)
}

func (e *examination) add(s Severity, check, do, format string, args ...any) {
	e.found = append(e.found, Finding{s, check, plain.Line(fmt.Sprintf(format, args...)), do})
}

// Run examines the installation that cfg describes. wrong is what the caller found wrong
// with the settings, nil for nothing.
func Run(ctx context.Context, cfg *config.Config, wrong error) []Finding {
	e := &examination{cfg: cfg}
	e.settings(wrong)
	e.ports(ctx)
	e.files()
	e.backlog()
	e.certificate(time.Now())
	for _, check := range []func(context.Context){e.redis, e.database} {
		limited, cancel := context.WithTimeout(ctx, serverTimeout)
		check(limited)
		cancel()
	}
	e.clocks()
	return e.found
}

// settings reports each wrong setting.
func (e *examination) settings(wrong error) {
	list := flatten(wrong)
	for _, err := range list {
		if strings.Contains(err.Error(), "TLS_CERT_FILE and TLS_KEY_FILE:") {
			continue // certificate looks at the files
		}
		e.fail("settings", "change the value, or leave the setting out for its default", "%v", err)
	}
	if len(e.found) == 0 {
		e.ok("settings", "all values are allowed")
	}
}

// flatten returns the parts of joined errors.
func flatten(err error) (list []error) {
	if err == nil {
		return nil
	}
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok || !strings.Contains(err.Error(), "\n") {
		return []error{err}
	}
	for _, part := range joined.Unwrap() {
		list = append(list, flatten(part)...)
	}
	return list
}

// Worst returns the highest severity of a list, as an exit code: 0 ok, 1 warning,
// 2 error.
func Worst(list []Finding) (code int) {
	for _, f := range list {
		switch f.Severity {
		case Warning:
			code = max(code, 1)
		case Error:
			code = max(code, 2)
		}
	}
	return code
}

// Print writes the findings: as text, errors last, so that they stay on the screen, or
// as a JSON list in the order of the checks.
func Print(list []Finding, asJSON bool, out io.Writer) error {
	if asJSON {
		return plain.WriteJSON(out, list)
	}
	var b strings.Builder
	counts := map[Severity]int{}
	for _, severity := range []Severity{OK, Warning, Error} {
		for _, f := range list {
			if f.Severity != severity {
				continue
			}
			counts[severity]++
			fmt.Fprintf(&b, "%-7s  %s: %s\n", f.Severity, f.Check, f.Found)
			if f.Do != "" {
				fmt.Fprintf(&b, "         -> %s\n", f.Do)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s, %s, %d ok\n", plain.Count(counts[Error], "error", "errors"), plain.Count(counts[Warning], "warning", "warnings"), counts[OK])
	_, err := io.WriteString(out, b.String())
	return err
}
