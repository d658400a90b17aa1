package docs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }

// roster has the devices of README.md's publishers in the event that its client
// watches. The simulator would move them on.
const roster = `INSERT INTO events VALUES ('demo');
	INSERT INTO entries VALUES ('1', 'demo'), ('2', 'demo'), ('3', 'demo');
	INSERT INTO entry_devices VALUES ('1', 'sim-001'), ('2', 'sim-002'), ('3', 'sim-003')`

// TestReadmeExamples runs the publishers of README.md as printed, except for the
// ports, and sees what they publish in README.md's client in a real browser.
func TestReadmeExamples(t *testing.T) {
	examples := examplesOf(t, "README.md", "sh", "go", "js", "html")
	site := newSite(t)
	backends := e2etest.EmbeddedBackends(t)
	e := backends.Start(t, "--allowed-origins="+site.URL)
	if _, err := backends.DB.ExecContext(t.Context(), roster); err != nil {
		t.Fatal(err)
	}
	site.page = strings.ReplaceAll(examples["html"], "127.0.0.1:8080", e.HTTP)
	tab := chromium.Open(t, site.URL)
	tab.See("the subscription", "socket.readyState === 1")

	addr := e.Engine.RedisAddr()
	host, port, _ := strings.Cut(addr, ":")
	published := func(language, code, extension string, command ...string) {
		t.Helper()
		code = strings.NewReplacer("127.0.0.1:6390", addr, "-p 6390", "-p "+port, "6390, '127.0.0.1'", port+", '"+host+"'").Replace(code)
		script := filepath.Join(t.TempDir(), "example"+extension)
		if err := os.WriteFile(script, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(command[0], append(command[1:], script)...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("publish by %s: %v\n%s", language, err, out)
		}
	}
	published("shell", examples["sh"], ".sh", "sh")
	tab.See("the first device", "dots.textContent.includes('sim-001 -46.25 -68')")
	published("Go", examples["go"], ".go", "go", "run")
	tab.See("the second device", "dots.textContent.includes('sim-002 -46.25 -68.1')")
	published("Node", examples["js"], ".js", "node")
	tab.See("the third device", "dots.textContent.includes('sim-003 -46.25 -68.2')")
}

// examplesOf returns a page's code blocks that have a language, by language. It must
// have those that are named.
func examplesOf(t *testing.T, path string, languages ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, b := range onPage(t, path).blocks() {
		found[b.language] = b.text
	}
	for _, language := range languages {
		if found[language] == "" {
			t.Fatalf("%s has no example in %s", path, language)
		}
	}
	return found
}

// site is a web site of one page, which is set before it is opened.
type site struct {
	*httptest.Server
	page string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.page) }))
	t.Cleanup(s.Close)
	return s
}
