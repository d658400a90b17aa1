package front

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// The banner names addresses that can be opened as they are printed.
func TestBanner(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir, 1)
	tls := []string{"--tls-cert-file=" + filepath.Join(dir, "tls.crt"), "--tls-key-file=" + filepath.Join(dir, "tls.key")}
	for _, c := range []struct {
		name  string
		flags []string
		want  []string // with PORT for the port
		never string
	}{
		{"plain", nil, []string{"map        http://127.0.0.1:PORT/", "live       ws://127.0.0.1:PORT/live"}, "every address"},
		{"TLS", tls, []string{"map        https://127.0.0.1:PORT/", "live       wss://127.0.0.1:PORT/live"}, "http://127.0.0.1:PORT"},
		{"every address", []string{"--http-addr=0.0.0.0:0", "--ops-addr=0.0.0.0:0", "--auth-allow-anonymous"},
			[]string{"map        http://localhost:PORT/", "every address of this machine", "health     http://localhost:"}, "//0.0.0.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := e2etest.Start(t, c.flags...)
			_, port, err := net.SplitHostPort(e.HTTP)
			if err != nil {
				t.Fatal(err)
			}
			banner := e.Engine.Banner()
			for _, w := range c.want {
				if !strings.Contains(banner, strings.ReplaceAll(w, "PORT", port)) {
					t.Errorf("%q is missing in:\n%s", w, banner)
				}
			}
			if strings.Contains(banner, strings.ReplaceAll(c.never, "PORT", port)) {
				t.Errorf("%q is in:\n%s", c.never, banner)
			}
		})
	}
}
