package report

import (
	"bytes"
	"strings"
	"testing"
)

// TestClientStage: the stage is in every form of a report if it was measured, next
// to the other stages. It does not depend on Pitwall, so a change of it is neither
// better nor worse.
func TestClientStage(t *testing.T) {
	for key, want := range map[string]bool{"stage_client_p99_ms": true, "stage_client_p50_ms": true, "stage_socket_p99_ms": false} {
		before, after := reportOf(key, 40, 41, 42), reportOf(key, 80, 81, 82)
		var text, page, comparison bytes.Buffer
		Text(&text, after)
		if err := HTML(&page, after); err != nil {
			t.Fatal(err)
		}
		if worse := WriteComparison(&comparison, before, after); worse == want {
			t.Errorf("%s twice as high counts as worse: %t", key, worse)
		}
		for form, out := range map[string]*bytes.Buffer{"text": &text, "page": &page, "comparison": &comparison} {
			if got := strings.Contains(out.String(), "stage_client"); got != want {
				t.Errorf("%s measured: the %s has stage_client: %t", key, form, got)
			}
		}
	}
	keys := []string{}
	for _, f := range Figures() {
		if strings.HasPrefix(f.Key, "stage_") {
			keys = append(keys, strings.TrimSuffix(strings.TrimSuffix(f.Key, "_p50_ms"), "_p99_ms"))
		}
	}
	const want = "stage_redis stage_read stage_read stage_flush stage_flush stage_socket stage_socket stage_client stage_client"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("the stages of a report are %s, want them as a position passes them: %s", got, want)
	}
}
