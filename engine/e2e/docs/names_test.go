package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// foreignNames look like settings and are none: names of the kernel, and variables of a
// benchmark and of pitwall token create.
var foreignNames = []string{"NOTIFY_SOCKET", "POSTGRES_PASSWORD", "CONFIG_IRQ_TIME_ACCOUNTING", "MSG_TRUNC", "SCHED_IDLE", "SO_TIMESTAMPNS", "PITWALL_WARM_ROWS", "PUBLIC_URL"}

var (
	settingRow  = regexp.MustCompile("(?m)^\\| `([A-Z0-9_]+)` \\|")
	settingName = regexp.MustCompile("`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)[=`]")
)

// TestSettingsExist: a setting that a page names is in the table of settings,
// which a test of cmd/pitwall keeps equal to the flags.
func TestSettingsExist(t *testing.T) {
	all := pages(t)
	known := slices.Clone(foreignNames)
	for _, p := range all {
		if p.path == "cmd/pitwall/README.md" {
			for _, m := range settingRow.FindAllStringSubmatch(p.text, -1) {
				known = append(known, m[1])
			}
		}
	}
	if len(known) < 80 {
		t.Fatalf("%d settings found in the table, want all", len(known))
	}
	for _, p := range all {
		for _, m := range settingName.FindAllStringSubmatch(p.text, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s names the setting %s, which does not exist", p.path, m[1])
			}
		}
	}
}

var (
	metricName  = regexp.MustCompile(`\b(?:processor|process|go)_[a-z_]*[a-z]`)
	metricType  = regexp.MustCompile(`(?m)^# TYPE (\S+) `)
	metricLine  = regexp.MustCompile(`(?m)^(processor_\w+)\{([^}]*)\} `)
	labelOfCode = regexp.MustCompile(`^(?:reason|code)="([^"]+)"`)
)

// codeMetrics are counters whose labels are codes that a client or an operator meets,
// with the page that explains the codes.
var codeMetrics = map[string]string{
	"processor_live_refusals_total":         "engine/access/README.md",
	"processor_live_closes_total":           "engine/live/README.md",
	"processor_live_refused_requests_total": "engine/live/README.md",
}

// TestMetricsExist: the page about operating explains every metric that a running engine
// has, and no page names another one. The codes that clients meet are explained as well.
func TestMetricsExist(t *testing.T) {
	_, text := e2etest.Start(t, "--simulate=5").Get(t, "/metrics")
	explained, named := map[string]bool{}, map[string]string{}
	byPath := map[string]string{}
	for _, p := range pages(t) {
		byPath[p.path] = p.text
		for _, name := range metricName.FindAllString(p.text, -1) {
			named[name] = p.path
			explained[name] = explained[name] || p.path == "engine/ops/README.md"
		}
	}
	served := map[string]bool{}
	for _, m := range metricType.FindAllStringSubmatch(text, -1) {
		served[m[1]] = true
	}
	for _, m := range metricLine.FindAllStringSubmatch(text, -1) {
		page, hasCodes := codeMetrics[m[1]]
		if code := labelOfCode.FindStringSubmatch(m[2]); hasCodes && code != nil && !regexp.MustCompile(`\b`+code[1]+`\b`).MatchString(byPath[page]) {
			t.Errorf("%s does not explain %s of %s", page, code[1], m[1])
		}
	}
	if len(served) < 60 {
		t.Fatalf("%d metrics served, want all", len(served))
	}
	for name := range served {
		if !explained[name] {
			t.Errorf("engine/ops/README.md does not explain %s", name)
		}
	}
	for name, path := range named {
		// What the runtime and the kernel give depends on the machine.
		ours := strings.HasPrefix(name, "processor_")
		if ours && !served[name] && !notServed[name] {
			t.Errorf("%s names the metric %s, which does not exist", path, name)
		}
	}
}

// notServed are metrics that a process on the embedded database and without TLS lacks.
var notServed = map[string]bool{
	"processor_live_certificate_expiry_timestamp_seconds": true,
	"processor_archive_correction_lookups_total":          true,
	"processor_archive_correction_failures_total":         true,
}

var frameType = regexp.MustCompile(`"type":"([a-z]+)"`)

// frameTypes are those of the protocol, of both directions.
var frameTypes = []string{"auth", "authenticated", "drain", "error", "ping", "pong", "position", "positions", "roster", "snapshot", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "welcome"}

// TestFramesExist: the page about the protocol has every type of frame, and no page has
// another one.
func TestFramesExist(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range pages(t) {
		for _, m := range frameType.FindAllStringSubmatch(p.text, -1) {
			if !slices.Contains(frameTypes, m[1]) {
				t.Errorf("%s has a frame of type %s, which does not exist", p.path, m[1])
			}
			seen[m[1]] = seen[m[1]] || p.path == "engine/live/README.md"
		}
	}
	for _, name := range frameTypes {
		if !seen[name] {
			t.Errorf("engine/live/README.md has no frame of type %s", name)
		}
	}
}
