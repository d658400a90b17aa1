package admin

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pitwall/engine/access"
)

// userOptions are the settings of AUTH_MODE=jwt, with share links.
func userOptions() access.Options {
	return access.Options{
		Mode: access.ModeJWT, JWT: access.JWTOptions{Secret: []byte(jwtSecret), Leeway: 5 * time.Second}, Decide: []string{access.ByPublic, access.ByClaims},
		LinkSecret: []byte(jwtSecret), Timeout: 10 * time.Second, Cache: time.Second, Refresh: time.Second, Grace: time.Hour,
	}
}

// check returns the output of CheckToken. It fails the test if that shows the token or
// the secret.
func (k *tokens) check(o access.Options, token, event string, asJSON bool) (output string, good bool) {
	k.Helper()
	var out bytes.Buffer
	good, err := CheckToken(k.Context(), o, k.cfg, token, event, asJSON, slog.New(slog.DiscardHandler), &out)
	if err != nil {
		k.Fatal(err)
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 20 && strings.Contains(out.String(), part) {
			k.Errorf("a part of the token is shown:\n%s", &out)
		}
	}
	if strings.Contains(out.String(), jwtSecret) {
		k.Errorf("the secret is shown:\n%s", &out)
	}
	return out.String(), good
}

// delay gives an event a delay, as another process would.
func (k *tokens) delay(event string) {
	k.Helper()
	file, err := sql.Open("sqlite", "file:"+filepath.Join(k.cfg.DataDir, "pitwall.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		k.Fatal(err)
	}
	defer file.Close()
	if _, err := file.ExecContext(k.Context(), "INSERT INTO pitwall_events (event_id, delay_s) VALUES (?, 60)", event); err != nil {
		k.Fatal(err)
	}
}

// A token that was made here is explained: whom it names, what it opens, until when. A
// revocation refuses it.
func TestUserTokensAreMadeAndExplained(t *testing.T) {
	k := newTokens(t)
	var made, notes bytes.Buffer
	if err := CreateUserToken(t.Context(), userOptions(), UserToken{User: "ada", Events: []string{"race", "rally-*"}, TTL: 90 * time.Minute}, slog.New(slog.DiscardHandler), &made, &notes); err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(made.String())
	_, id, _ := strings.Cut(notes.String(), "id ")
	id, _, _ = strings.Cut(id, " ")
	output, good := k.check(userOptions(), token, "", false)
	for _, w := range []string{"user token", "accepted     yes", "HS256, verified", "ada", id, "the public ones; race, rally-*", ", in 1h"} {
		if !strings.Contains(output, w) {
			t.Errorf("%q is missing in:\n%s", w, output)
		}
	}
	if !good || strings.Contains(output, "decision") {
		t.Errorf("good %v:\n%s", good, output)
	}
	if output, good := k.check(userOptions(), token, "rally-7", false); !good || !strings.Contains(output, `"rally-7" may be watched`) {
		t.Errorf("an event of the token: %v\n%s", good, output)
	}
	if output, good := k.check(userOptions(), token, "late", false); good || !strings.Contains(output, `"late" may not be watched`) {
		t.Errorf("another event: %v\n%s", good, output)
	}
	if _, _, err := k.revoke(token, id, 0); err != nil {
		t.Fatal(err)
	}
	output, good = k.check(userOptions(), token, "race", true)
	var a checkedToken
	if err := json.Unmarshal([]byte(output), &a); err != nil {
		t.Fatal(err)
	}
	if good || a.Accepted || !a.Verified || a.Reason != "revoked" || !strings.Contains(a.Problem, "revoked") || a.User != "ada" || a.Watch != nil || a.Expires.IsZero() {
		t.Errorf("revoked: %v %+v", good, a)
	}
}

// A share link is explained with its event, and refused with another secret.
func TestShareLinksAreExplained(t *testing.T) {
	k := newTokens(t)
	link, id, err := k.create("race", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	output, good := k.check(userOptions(), link, "", false)
	for _, w := range []string{"share link", "accepted     yes", id, `the event "race" may be watched`} {
		if !strings.Contains(output, w) {
			t.Errorf("%q is missing in:\n%s", w, output)
		}
	}
	if output, good2 := k.check(userOptions(), link, "late", false); !good || good2 {
		t.Errorf("good %v, for another event %v:\n%s", good, good2, output)
	}
	other := userOptions()
	other.LinkSecret = []byte(strings.Repeat("y", 32))
	if output, good := k.check(other, link, "", false); good || !strings.Contains(output, "another LINK_SECRET") || !strings.Contains(output, "not verified") {
		t.Errorf("another secret: %v\n%s", good, output)
	}
	// A delay that is set later closes the event to its links.
	k.delay("race")
	if output, good := k.check(userOptions(), link, "", false); good || !strings.Contains(output, "may not be watched") {
		t.Errorf("with a delay: %v\n%s", good, output)
	}
	if output, good := k.check(userOptions(), "\x1b[2Jhello", "", false); good || !strings.Contains(output, "unreadable") || strings.Contains(output, "\x1b") {
		t.Errorf("no token: %v\n%s", good, output)
	}
}

// With AUTH_MODE=none the token is made, with a note that serve does not look at it.
func TestUserTokensOutsideOfJWT(t *testing.T) {
	o := userOptions()
	o.Mode, o.Decide = access.ModeNone, nil
	var made, notes bytes.Buffer
	if err := CreateUserToken(t.Context(), o, UserToken{User: "ada", TTL: time.Hour}, slog.New(slog.DiscardHandler), &made, &notes); err != nil || !strings.Contains(notes.String(), "AUTH_MODE is none") {
		t.Errorf("%v: %s", err, &notes)
	}
}
