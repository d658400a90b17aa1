package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSettingsOfAccess(t *testing.T) {
	const key = "--jwt-secret=0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		name, want string // want: a part of the error, "" for none
		flags      []string
	}{
		{"the default", "", nil},
		{"no key", "JWT_PUBLIC_KEY_FILE", []string{"--auth-mode=jwt"}},
		{"a short secret", "JWT_SECRET has 5 bytes", []string{"--auth-mode=jwt", "--jwt-secret=short"}},
		{"two secrets", "JWT_SECRET_FILE", []string{"--auth-mode=jwt", key, "--jwt-secret-file=x"}},
		{"tokens on every address", "", []string{"--auth-mode=jwt", key, "--http-addr=0.0.0.0:0"}},
		{"everybody, on every address", "AUTH_ALLOW_ANONYMOUS", []string{"--http-addr=0.0.0.0:0"}},
		{"public events on every address", "AUTH_ALLOW_ANONYMOUS", []string{"--http-addr=0.0.0.0:0", "--authz-mode=public"}},
		{"a platform without its URL", "AUTH_URL", []string{"--auth-mode=http"}},
		{"a URL without the mode", "AUTH_MODE=http", []string{"--auth-url=http://127.0.0.1/me"}},
		{"an invalid URL", "AUTH_URL", []string{"--auth-mode=http", "--auth-url=platform"}},
		{"keys over an open network", "JWKS_URL", []string{"--auth-mode=jwt", "--jwks-url=http://id.example/keys"}},
		{"an unknown mode", "AUTHZ_MODE", []string{"--auth-mode=jwt", key, "--authz-mode=magic"}},
		{"members without users", "AUTH_MODE=jwt or http", []string{"--authz-mode=sql"}},
		{"http without its URL", "AUTHZ_URL", []string{"--auth-mode=jwt", key, "--authz-mode=http"}},
		{"a URL that is not used", "AUTHZ_URL", []string{"--auth-mode=jwt", key, "--authz-mode=claims", "--authz-url=http://127.0.0.1/may"}},
		{"a query that is not used", "AUTHZ_SQL", []string{"--auth-mode=jwt", key, "--authz-mode=claims", "--authz-sql=SELECT 1"}},
		{"a certificate without its key", "TLS_KEY_FILE", []string{"--tls-cert-file=x"}},
		{"invalid proxies", "TRUSTED_PROXIES", []string{"--trusted-proxies=here"}},
		{"the PROXY protocol without trusted proxies", "PROXY_PROTOCOL", []string{"--proxy-protocol"}},
		{"the PROXY protocol for everybody", "AUTH_ALLOW_ANONYMOUS", []string{"--proxy-protocol", "--trusted-proxies=127.0.0.1"}},
		{"a list with spaces", "", []string{"--auth-mode=jwt", key, "--authz-mode=public, claims"}},
		{"a negative rate", "LIVE_UPGRADE_RATE", []string{"--live-upgrade-rate=-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := settings(c.flags...)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "short,"):
				t.Errorf("error %v shows a secret", err)
			}
		})
	}
}

func TestDefaultDecisions(t *testing.T) {
	for _, c := range []struct{ mode, url, sql, set, want string }{
		{"none", "", "", "", ""},
		{"none", "", "", "public", "public"},
		{"jwt", "", "", "", "claims"},
		{"jwt", "", "", "claims, sql", "claims sql"},
		{"jwt", "u", "q", "", "claims sql http"},
		{"http", "", "", "public,sql", "public sql"},
	} {
		a := Access{AuthMode: c.mode, AuthzURL: SecretURL(c.url), AuthzSQL: Secret(c.sql), AuthzMode: strings.Split(c.set, ",")}
		if c.set == "" {
			a.AuthzMode = nil
		}
		if got := strings.Join(a.Decisions(), " "); got != c.want {
			t.Errorf("%+v: %q, want %q", c, got, c.want)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const long = "0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		name string
		c    Links
		want string // the link secret; after "!", a part of the error
	}{
		{"none", Links{}, ""},
		{"the secret of tokens", Links{JWTSecret: long}, long},
		{"a secret of its own", Links{JWTSecret: "x" + long, LinkSecret: long}, long},
		{"a file with a line break", Links{LinkSecretFile: write("a", long+"\n")}, long},
		{"the tokens' file", Links{JWTSecretFile: write("b", long)}, long},
		{"a short file", Links{LinkSecretFile: write("c", "short\n")}, "!LINK_SECRET_FILE holds 5 bytes"},
		{"no file", Links{JWTSecretFile: filepath.Join(dir, "none")}, "!JWT_SECRET_FILE"},
	} {
		got, err := c.c.LinkKey()
		if why, bad := strings.CutPrefix(c.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: error %v, want %q", c.name, err, why)
			}
		} else if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	if got, err := prefixes("X", []string{"10.1.2.3/8", " ::1 ", "192.0.2.1"}); err != nil ||
		!slices.Equal([]string{got[0].String(), got[1].String(), got[2].String()}, []string{"10.0.0.0/8", "::1/128", "192.0.2.1/32"}) {
		t.Errorf("prefixes: %v, %v", got, err)
	}
}
