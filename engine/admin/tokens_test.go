package admin

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pitwall/engine/config"
	"pitwall/engine/internal/db"
)

const jwtSecret = "0123456789abcdef0123456789abcdef"

// tokens runs the commands on an embedded database with the events race and late.
type tokens struct {
	*testing.T
	cfg config.Database
}

func newTokens(t *testing.T) *tokens {
	k := &tokens{t, config.Database{DataDir: t.TempDir(), NotifyTriggers: true}}
	roster := strings.NewReader("event_id,entry_id,device_id\nrace,1,d1\nlate,2,d2\n")
	if err := ImportRoster(t.Context(), k.cfg, roster, false, slog.New(slog.DiscardHandler), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *tokens) database() db.Database {
	k.Helper()
	d, err := db.Open(k.Context(), k.cfg.DatabaseOptions(slog.New(slog.DiscardHandler)))
	if err != nil {
		k.Fatal(err)
	}
	return d
}

func (k *tokens) create(event string, ttl time.Duration) (link, id string, err error) {
	var out bytes.Buffer
	err = CreateLink(k.Context(), config.Links{JWTSecret: jwtSecret}, k.cfg, "http://x/", event, ttl, 0, slog.New(slog.DiscardHandler), &out)
	link, more, _ := strings.Cut(out.String(), "\n")
	if fields := strings.Fields(more); len(fields) > 1 {
		id = fields[1]
	}
	return link, id, err
}

// revoke returns the output of the command, and the end of the revocation of id.
func (k *tokens) revoke(what, id string, length time.Duration) (output string, until time.Time, err error) {
	k.Helper()
	var out bytes.Buffer
	err = RevokeToken(k.Context(), k.cfg, what, length, slog.New(slog.DiscardHandler), &out)
	d := k.database()
	defer d.Close()
	list, failed := d.Tokens(k.Context(), id)
	if failed != nil {
		k.Fatal(failed)
	}
	if len(list) > 0 {
		until = list[0].Revoked
	}
	return out.String(), until, err
}

// A revocation lasts as long as the link or token, and the output names it.
func TestRevocationsLastAsLongAsTheToken(t *testing.T) {
	k := newTokens(t)
	const years = 5 * 366 * 24 * time.Hour
	end := time.Now().Add(years - time.Minute)
	link, id, err := k.create("race", years)
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{id, link, id} {
		output, until, err := k.revoke(what, id, 0)
		if err != nil || until.Before(end) || !strings.Contains(output, `share link `+id+` for the event "race"`) {
			t.Errorf("revoked until %v, %v: %s", until, err, output)
		}
	}
	if output, _, _ := k.revoke(id, id, time.Hour); !strings.Contains(output, "revoked already") {
		t.Errorf("again: %s", output)
	}
	// A token of the platform holds its expiry; --for can only prolong the revocation.
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(jwtSecret)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{"sub": "ada", "jti": 42, "exp": time.Now().Add(years).Unix()}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	if output, until, err := k.revoke(token, "42", time.Hour); err != nil || until.Before(end) || !strings.Contains(output, `"42"`) || !strings.Contains(output, `"ada"`) {
		t.Errorf("a token: until %v, %v: %s", until, err, output)
	}
}

// The jti of an unknown token is revoked only with a length.
func TestRevokingAnUnknownID(t *testing.T) {
	k := newTokens(t)
	if output, until, err := k.revoke("nobody's", "nobody's", 0); err == nil || output != "" || !until.IsZero() || !strings.Contains(err.Error(), "--for") {
		t.Errorf("an unknown id: %q, until %v, %v", output, until, err)
	}
	output, until, err := k.revoke("nobody's", "nobody's", 48*time.Hour)
	if err != nil || until.Before(time.Now().Add(47*time.Hour)) || !strings.Contains(output, "which no share link has") {
		t.Errorf("with --for: %q, until %v, %v", output, until, err)
	}
	for _, bad := range []string{"http://x/#event=race", "http://x/#event=race&token=", "http://x/#event=race&token=a.b.c", "eyJhbGciOiJIUzUxMiJ9.eyJqdGkiOiJ4In0.AAAA"} {
		if output, _, err := k.revoke(bad, "x", time.Hour); err == nil || output != "" {
			t.Errorf("%s: %q, no error", bad, output)
		}
	}
	d := k.database()
	defer d.Close()
	if err := d.SaveLink(t.Context(), db.Token{ID: "past", Event: "race", Expires: time.Now().Add(-time.Hour), Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if output, until, err := k.revoke("past", "past", 0); err != nil || !until.IsZero() || !strings.Contains(output, "nothing to revoke") {
		t.Errorf("an expired link: %q, until %v, %v", output, until, err)
	}
}

// A link needs an event that exists.
func TestLinksNeedAnEvent(t *testing.T) {
	k := newTokens(t)
	if _, _, err := k.create("nowhere", time.Hour); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("no event: %v", err)
	}
	if _, _, err := k.create("race", time.Duration(math.MaxInt64)); err == nil {
		t.Error("a link with an expiry that cannot be read was created")
	}
	_, good, err := k.create("race", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, bad, err := k.create("late", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.revoke(bad, bad, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.revoke("\x1b[2Jesc", "\x1b[2Jesc", time.Hour); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := ListTokens(t.Context(), k.cfg, false, slog.New(slog.DiscardHandler), &out); err != nil {
		t.Fatal(err)
	}
	for id, words := range map[string][]string{good: {"race", "any", "good"}, bad: {"late", "revoked"}, `\u001b[2Jesc`: {"revoked"}} {
		_, line, found := strings.Cut(out.String(), id)
		line, _, _ = strings.Cut(line, "\n")
		for _, w := range words {
			if !found || !strings.Contains(line, w) {
				t.Errorf("%s is not listed as %s:\n%s", id, w, out.String())
			}
		}
	}
}
