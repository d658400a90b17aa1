package operate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pitwall/engine/admin/doctor"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// certificate writes a certificate for a period, and its key, and returns the files.
func certificate(t *testing.T, from, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"live.example"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// The files of TLS are read, belong together, and are valid for some time.
func TestDoctorOfCertificates(t *testing.T) {
	now := time.Now()
	good, goodKey := certificate(t, now.Add(-time.Hour), now.Add(1000*time.Hour))
	_, otherKey := certificate(t, now.Add(-time.Hour), now.Add(1000*time.Hour))
	old, oldKey := certificate(t, now.Add(-time.Hour), now.Add(-time.Minute))
	soon, soonKey := certificate(t, now.Add(-time.Hour), now.Add(100*time.Hour))
	early, earlyKey := certificate(t, now.Add(time.Hour), now.Add(1000*time.Hour))
	open, openKey := certificate(t, now.Add(-time.Hour), now.Add(1000*time.Hour))
	if err := os.Chmod(openKey, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert, key string
		severity  doctor.Severity
		text      string
	}{
		"good":             {good, goodKey, doctor.OK, "live.example"},
		"another key":      {good, otherKey, doctor.Error, "do not go together"},
		"a missing file":   {good + "x", goodKey, doctor.Error, "TLS_CERT_FILE"},
		"a missing key":    {good, goodKey + "x", doctor.Error, "TLS_KEY_FILE"},
		"not PEM":          {goodKey, goodKey, doctor.Error, "do not go together"},
		"expired":          {old, oldKey, doctor.Error, "expired at"},
		"expires soon":     {soon, soonKey, doctor.Warning, "it expires at"},
		"not valid yet":    {early, earlyKey, doctor.Error, "valid only from"},
		"a key to be read": {open, openKey, doctor.Warning, "every user of this machine can read"},
	} {
		t.Run(name, func(t *testing.T) {
			list := examine(t, "--ops-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--embedded-redis-addr=127.0.0.1:0",
				"--data-dir="+t.TempDir(), "--tls-cert-file="+c.cert, "--tls-key-file="+c.key)
			wantFinding(t, list, c.severity, "TLS certificate", c.text)
			wantFinding(t, list, doctor.OK, "settings")
		})
	}
}

// A pooler is reported unless there is a direct URL as well. A standby is reported.
func TestDoctorOfPoolersAndStandbys(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	direct := s.URL
	s.DatabaseURL = testenv.PgBouncer(t, direct)
	list := examine(t, s.Flags()...)
	wantFinding(t, list, doctor.Warning, "pooler", "DATABASE_DIRECT_URL", "forwards no notification")
	list = examine(t, s.Flags("--database-direct-url="+direct)...)
	wantFinding(t, list, doctor.OK, "pooler")
	wantWorst(t, list, 0)

	_, standby := testenv.PostgresPair(t)
	s.DatabaseURL = standby.URL()
	list = examine(t, s.Flags()...)
	wantWorst(t, list, 2)
	wantFinding(t, list, doctor.Error, "PostgreSQL", "the server is a standby")
}

// The folder of the embedded database is one that can be written.
func TestDoctorOfTheEmbeddedServers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--ops-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--embedded-redis-addr=127.0.0.1:0"}
	list := examine(t, append(flags, "--data-dir="+dir)...)
	wantWorst(t, list, 1)
	wantFinding(t, list, doctor.Warning, "Redis", "embedded", "REDIS_URL")
	wantFinding(t, list, doctor.OK, "database", dir)
	if left, _ := filepath.Glob(filepath.Join(dir, "*doctor*")); len(left) > 0 {
		t.Errorf("the examination left %v", left)
	}
	wantFinding(t, examine(t, append(flags, "--data-dir="+dir+"/new")...), doctor.OK, "database", "makes the folder")
	wantFinding(t, examine(t, append(flags, "--data-dir="+file)...), doctor.Error, "database", "no folder")
}

// The command exits with 0, 1 or 2, and reports wrong settings instead of refusing them.
func TestDoctorExitCodes(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	pitwall := e2etest.Build(t, "cmd/pitwall")
	for _, c := range []struct {
		name string
		args []string
		code int
		text string
	}{
		{"fine", s.Flags("--live-max-connections=1000"), 0, "0 errors, 0 warnings"},
		{"a warning", s.Flags("--live-max-connections=10000000"), 1, "warning  open files"},
		{"an error", s.Flags("--live-flush-ms=-1"), 2, "error    settings: LIVE_FLUSH_MS is -1"},
		{"an error, as JSON", s.Flags("--live-flush-ms=-1", "--json"), 2, `"severity": "error"`},
		{"a flag that does not exist", []string{"--nonsense"}, 2, ""},
	} {
		cmd := exec.Command(pitwall, append([]string{"doctor"}, c.args...)...)
		cmd.Dir = t.TempDir()
		out, err := cmd.Output()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != c.code || !strings.Contains(string(out), c.text) {
			t.Errorf("%s: exit code %d, want %d with %q\n%s", c.name, code, c.code, c.text, out)
		}
	}
}
