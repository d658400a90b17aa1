package front

import (
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// TestLinksThatRestrictNothingAreLogged: where everybody may watch every event, a secret
// for share links has no effect, so the log says what is missing.
func TestLinksThatRestrictNothingAreLogged(t *testing.T) {
	const told, secret = "share links restrict nothing", "--link-secret=0123456789abcdef0123456789abcdef"
	for name, c := range map[string]struct {
		flags []string
		want  bool
	}{
		"everybody may watch":          {[]string{secret}, true},
		"links for all but the public": {[]string{secret, "--authz-mode=public"}, false},
		"no secret":                    {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Contains(e2etest.Start(t, c.flags...).Log.String(), told); got != c.want {
				t.Errorf("told: %v, want %v", got, c.want)
			}
		})
	}
}
