package main

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output collects what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// eventually waits until ok returns true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s does not happen", what)
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// SIGHUP reads the settings file and the files of secrets again. A wrong value changes
// nothing, and a setting that needs a restart is named.
func TestHangupReloads(t *testing.T) {
	settings, token := filepath.Join(t.TempDir(), "settings"), filepath.Join(t.TempDir(), "token")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first, second = "first-0123456789abcdef", "second-0123456789abcdef"
	ops := freeAddr(t)
	fixed := "OPS_ADDR=" + ops + "\nEMBEDDED_REDIS_ADDR=127.0.0.1:0\nexport HTTP_ADDR='127.0.0.1:0'\n# a comment\nOPS_TOKEN_FILE=" + token + "\n"
	write(token, first+"\n")
	write(settings, fixed+"LOG_LEVEL=warn\n")
	cmd := program(t, nil, "serve", "--env-file="+settings)
	log := new(output)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
	accepted := func(token string) bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ops+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	hangup := func() {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the start", func() bool { return accepted(first) })
	eventually(t, "readiness", func() bool {
		res, err := http.Get("http://" + ops + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	if strings.Contains(log.String(), "level=INFO") {
		t.Errorf("LOG_LEVEL=warn logs:\n%s", log)
	}

	write(settings, fixed+"LOG_LEVEL=loud\n")
	write(token, second+"\n")
	hangup()
	eventually(t, "the refusal", func() bool { return strings.Contains(log.String(), "could not be reloaded") })
	mentions(t, log.String(), `LOG_LEVEL is \"loud\"`)
	if !accepted(first) || accepted(second) {
		t.Error("a wrong setting did not keep the others from changing")
	}

	write(settings, fixed+"LOG_LEVEL=info\nLIVE_FLUSH_MS=70\n")
	hangup()
	eventually(t, "the new token", func() bool { return accepted(second) && !accepted(first) })
	eventually(t, "the warning", func() bool { return strings.Contains(log.String(), "need a restart") })
	mentions(t, log.String(), "LIVE_FLUSH_MS")
	hangup() // now the level is info
	eventually(t, "the new level", func() bool { return strings.Contains(log.String(), "level=INFO") })
}

func TestSettingsFile(t *testing.T) {
	t.Setenv("LIVE_FLUSH_MS", "50")
	file := filepath.Join(t.TempDir(), "settings")
	load := func(text string) error {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return settingsFile.load(file)
	}
	t.Cleanup(func() { _ = load("") })
	if err := load("\ufeffJWT_ISSUER=\"a\\tb\"\nLIVE_FLUSH_MS=70\r\n\nJWT_AUDIENCE = 'x y' \nFEED_BATCH=7\n"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"JWT_ISSUER": "a\tb", "LIVE_FLUSH_MS": "50", "JWT_AUDIENCE": "x y", "FEED_BATCH": "7"} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := load("FEED_BATCH=8\n"); err != nil || os.Getenv("FEED_BATCH") != "8" {
		t.Errorf("read again: %v, %q", err, os.Getenv("FEED_BATCH"))
	}
	if _, left := os.LookupEnv("JWT_ISSUER"); left {
		t.Error("a setting that left the file is still set")
	}
	err := load("FEED_BATCH=9\nhush\n2X=hush\nJWT_ISSUER='hush\n")
	if err == nil || strings.Contains(err.Error(), "hush") || os.Getenv("FEED_BATCH") != "8" {
		t.Fatalf("a bad file: %v, FEED_BATCH %q", err, os.Getenv("FEED_BATCH"))
	}
	mentions(t, err.Error(), "line 2", "line 3", "line 4")
}
