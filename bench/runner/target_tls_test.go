package runner

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pitwall/bench/attack"
	"pitwall/bench/stack"
)

// An installation with TLS and AUTH_MODE=jwt can be measured, with one token for all
// spectators and with tokens that a command prints.
func TestTargetOverTLSWithTokens(t *testing.T) {
	sizes := []string{"stadium", "--connections=10", "--devices=20", "--rate=100", "--duration=1s", "--warmup=200ms", "--connect=50ms"}
	tokens, err := attack.NewTokens()
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := certificate(t)
	s, err := stack.Start(t.Context(), stack.Options{Engines: 1, Roster: roster(&prepare(t, sizes...).plan), Binaries: &binaries,
		Files: map[string][]byte{"jwt.pem": tokens.PublicKey, "tls.crt": certificate, "tls.key": key},
		Args:  []string{"--auth-mode=jwt", "--jwt-public-key-file=jwt.pem", "--tls-cert-file=tls.crt", "--tls-key-file=tls.key"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	ca, list := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "tokens")
	for path, text := range map[string]string{ca: string(certificate), list: tokens.Good + "\n" + tokens.Good + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	target := append(sizes, "--target=wss://"+s.Engines[0].Addr, "--redis="+s.RedisURL)
	for _, with := range []string{"--token=" + tokens.Good, "--token-command=cat " + list} {
		rep, err := command(t, append(target, "--target-ca="+ca, with)...).Measure(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if r := &rep.Runs[0]; r.Counts.Violations()+r.Missing+r.Counts.Refused+r.Counts.Lost > 0 || r.Counts.Deliveries < 1000 {
			t.Errorf("%s: %+v, %d missing; want at least 1,000 deliveries and no fault", with[:12], r.Counts, r.Missing)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--target-ca=" + ca, "--token=" + tokens.Wrong[0]}, "401"},
		{[]string{"--target-ca=" + ca, "--token-command=true"}, "--token-command has printed no token"},
		{[]string{"--target-ca=" + ca, "--token-command=exit 7"}, "exit status 7"},
		{[]string{"--token=" + tokens.Good}, "certificate"}, // signed by nobody that the system knows
	} {
		if _, err := command(t, append(target, c.args...)...).Measure(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.args[len(c.args)-1][:12], err, c.want)
		}
	}
}

// certificate returns a certificate for 127.0.0.1 and its key, in PEM.
func certificate(t *testing.T) (certificate, key []byte) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	pair := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
