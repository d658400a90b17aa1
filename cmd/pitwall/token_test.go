package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// token user prints a token and nothing else, which token check accepts with the same
// settings and refuses with others.
func TestTokenUserAndCheck(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name, kind string, der []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	keyFile := write("private", "PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(private.Public())
	public := write("public", "PUBLIC KEY", der, err)
	const secret = "0123456789abcdef0123456789abhush"
	bySecret := []string{"AUTH_MODE=jwt", "JWT_SECRET=" + secret, "JWT_ISSUER=platform", "DATA_DIR=" + filepath.Join(folder, "data")}
	byKey := []string{"AUTH_MODE=jwt", "JWT_PUBLIC_KEY_FILE=" + public, "JWT_ISSUER=platform", "DATA_DIR=" + filepath.Join(folder, "data")}
	for name, c := range map[string]struct {
		env, flags, otherEnv []string
		reason               string
	}{
		"a secret":      {bySecret, nil, byKey, "malformed"},
		"a private key": {byKey, []string{"--key-file=" + keyFile}, bySecret, "malformed"},
	} {
		out, notes, code := execute(t, c.env, append([]string{"token", "user", "--subject=ada", "--event=rally-*,race"}, c.flags...)...)
		token := strings.TrimSpace(out)
		if code != 0 || strings.Count(token, ".") != 2 || strings.ContainsAny(token, " \n") {
			t.Fatalf("%s: exit code %d, output %q, %s", name, code, out, notes)
		}
		mentions(t, notes, "until", "pitwall token revoke")
		out, errs, code := execute(t, c.env, "token", "check", token, "--event=race")
		mentions(t, out, "user token", "ada", "rally-*, race", "may be watched")
		if code != 0 || strings.Contains(out+errs, "hush") {
			t.Errorf("%s, checked: exit code %d, %s%s", name, code, out, errs)
		}
		if out, _, code := execute(t, c.env, "token", "check", token, "--event=other"); code != exitFailed || !strings.Contains(out, "may not be watched") {
			t.Errorf("%s, another event: exit code %d\n%s", name, code, out)
		}
		out, errs, code = execute(t, c.otherEnv, "token", "check", "--json", token)
		mentions(t, out, `"accepted": false`, `"reason": "`+c.reason+`"`)
		if code != exitFailed || errs != "" {
			t.Errorf("%s, with other settings: exit code %d, %s%s", name, code, out, errs)
		}
	}
	for _, args := range [][]string{
		{"token", "user", "--subject=ada", "--ttl=-1h"}, {"token", "user"},
		{"token", "check", "x", "--auth-cache-ms=-1"}, {"token", "user", "--subject=ada", "--jwt-secret=short"},
	} {
		if _, errs, code := execute(t, bySecret, args...); code != exitUsage {
			t.Errorf("%q: exit code %d: %s", args, code, errs)
		}
	}
}
