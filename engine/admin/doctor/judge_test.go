package doctor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/config"
)

// What depends on the machine is judged by these rules.
func TestJudgements(t *testing.T) {
	cfg := &config.Config{LiveEnabled: true, MaxConnections: 1000, FutureToleranceMS: 5000}
	at := func(ahead, took time.Duration) func(*examination) {
		return func(e *examination) { e.ahead = []clock{{"Redis", ahead, took}}; e.clocks() }
	}
	for name, c := range map[string]struct {
		judge    func(*examination)
		severity Severity
		text     string
	}{
		"enough files":        {func(e *examination) { e.judgeFiles(1500) }, OK, "1500"},
		"too few files":       {func(e *examination) { e.judgeFiles(1499) }, Warning, "1499 files"},
		"a long backlog":      {func(e *examination) { e.judgeBacklog(1024) }, OK, "1024"},
		"a short backlog":     {func(e *examination) { e.judgeBacklog(128) }, Warning, "somaxconn is 128"},
		"equal clocks":        {at(-300*time.Millisecond, 0), OK, "300ms behind"},
		"a slow question":     {at(1500*time.Millisecond, 2*time.Second), OK, "500ms ahead"},
		"clocks seconds off":  {at(-2*time.Second, 0), Warning, "2s behind this machine's"},
		"clocks far off":      {at(6*time.Second, 0), Error, "6s ahead of this machine's, more than LIVE_FUTURE_TOLERANCE_MS"},
		"no wrong setting":    {func(e *examination) { e.settings(nil) }, OK, "allowed"},
		"a certificate's own": {func(e *examination) { e.settings(errors.New("TLS_CERT_FILE and TLS_KEY_FILE: x")) }, OK, "allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &examination{cfg: cfg}
			c.judge(e)
			if len(e.found) != 1 || e.found[0].Severity != c.severity || !strings.Contains(e.found[0].Found, c.text) || (c.severity != OK) != (e.found[0].Do != "") {
				t.Errorf("found %+v, want %s with %q", e.found, c.severity, c.text)
			}
		})
	}
}

// Joined errors are findings of their own, also within each other.
func TestWrongSettingsAreSeparate(t *testing.T) {
	e := &examination{}
	e.settings(errors.Join(errors.New("a"), errors.Join(errors.New("b"), nil), fmt.Errorf("c: %w", errors.New("d"))))
	var texts []string
	for _, f := range e.found {
		texts = append(texts, f.Found)
	}
	if got := strings.Join(texts, "|"); got != "a|b|c: d" {
		t.Errorf("found %q", got)
	}
}
