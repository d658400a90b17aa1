package alerts

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	quotedText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	matchers   = regexp.MustCompile(`\{[^}]*\}`)
	labelLists = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	ranges     = regexp.MustCompile(`\[[^\]]*\]`)
	identifier = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
)

// words of PromQL that rules and dashboard use.
var promQL = []string{
	"abs", "time", "increase", "rate", "sum", "max", "min", "histogram_quantile", "clamp_min", "count_values",
	"by", "on", "or", "and", "unless", "without", "ignoring",
}

// metricsOf returns the names of the metrics in an expression. Whatever is not a known
// word of PromQL counts as one.
func metricsOf(expression string) (names []string) {
	rest := quotedText.ReplaceAllString(expression, "")
	for _, part := range []*regexp.Regexp{matchers, ranges, labelLists} {
		rest = part.ReplaceAllString(rest, " ")
	}
	for _, word := range identifier.FindAllString(rest, -1) {
		if !slices.Contains(promQL, word) {
			names = append(names, word)
		}
	}
	return names
}

// wantExposed checks that each metric of an expression is exposed. up is Prometheus' own.
func wantExposed(t *testing.T, have map[string]bool, where, expression string) {
	t.Helper()
	names := metricsOf(expression)
	if len(names) == 0 {
		t.Errorf("%s has no metric: %s", where, expression)
	}
	for _, name := range names {
		if !have[name] && name != "up" {
			t.Errorf("%s uses %s, which the program does not expose", where, name)
		}
	}
}

// TestRules: promtool takes the rules and their tests, Prometheus loads them, every
// metric exists, and each alert has a severity, a summary, an entry in the runbook and a
// test.
func TestRules(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		if out, err := promtool(t, "", args...); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	rules := startPrometheus(t, read(t, deploy+"/alerts.yml"), nil).rules()
	have, page, tests := exposed(scrape(t)), read(t, "../../../"+runbook), read(t, deploy+"/alerts_test.yml")
	for _, r := range rules {
		wantExposed(t, have, r.Name, r.Query)
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", r.Name, s)
		}
		if r.Annotations["summary"] == "" {
			t.Errorf("%s has no summary", r.Name)
		}
		if want := runbook + "#" + strings.ToLower(r.Name); r.Annotations["runbook_url"] != want {
			t.Errorf("%s links to %q, want %q", r.Name, r.Annotations["runbook_url"], want)
		}
		if fires := regexp.MustCompile(`alertname: ` + r.Name + `\n\s+exp_alerts:\n`); !fires.MatchString(tests) {
			t.Errorf("no test of alerts_test.yml expects %s to fire", r.Name)
		}
		_, entry, found := strings.Cut(page, "\n### "+r.Name+"\n")
		entry, _, _ = strings.Cut(entry, "\n#")
		for _, part := range []string{"**Meaning.** ", "**Look.** ", "**Do.** "} {
			if !found || !strings.Contains(entry, part) {
				t.Errorf("%s has no %q of %s", runbook, part, r.Name)
			}
		}
	}
	entries := regexp.MustCompile(`(?m)^### (Pitwall\w+)$`).FindAllStringSubmatch(page, -1)
	for _, m := range entries {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.Name == m[1] }) {
			t.Errorf("%s has an entry of %s, which does not exist", runbook, m[1])
		}
	}
	if len(rules) < 14 {
		t.Errorf("%d alerts, want all", len(rules))
	}
}
