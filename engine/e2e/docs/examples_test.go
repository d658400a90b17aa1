package docs

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// roster has the devices of README.md's publishers in the event that its client
// watches. The simulator would move them on.
const roster = "event_id,entry_id,device_id\ndemo,1,sim-001\ndemo,2,sim-002\ndemo,3,sim-003\n"

// TestReadmeExamples runs the publishers of README.md as printed, but for the
// ports, and sees what they publish in README.md's client in a real browser.
func TestReadmeExamples(t *testing.T) {
	examples := readmeExamples(t)
	pitwall, folder := build(t, "cmd/pitwall"), t.TempDir()
	file := filepath.Join(folder, "roster.csv")
	write(t, file, roster)
	importing := exec.Command(pitwall, "roster", "import", file, "--data-dir", folder)
	if out, err := importing.CombinedOutput(); err != nil {
		t.Fatalf("import the roster: %v\n%s", err, out)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := serve(t, pitwall, folder, "--data-dir="+folder, "--allowed-origins=http://"+listener.Addr().String())
	page := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.ReplaceAll(examples["html"], "127.0.0.1:8080", a.live))
	}))
	page.Listener.Close()
	page.Listener = listener
	page.Start()
	t.Cleanup(page.Close)
	tab := openTab(t, page.URL)
	see(t, tab, "the subscription", "socket.readyState === 1")

	host, port, _ := strings.Cut(a.redis, ":")
	published := func(language, code, extension string, command ...string) {
		t.Helper()
		code = strings.NewReplacer("127.0.0.1:6390", a.redis, "-p 6390", "-p "+port, "6390, '127.0.0.1'", port+", '"+host+"'").Replace(code)
		script := filepath.Join(t.TempDir(), "example"+extension)
		write(t, script, code)
		cmd := exec.Command(command[0], append(command[1:], script)...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("publish by %s: %v\n%s", language, err, out)
		}
	}
	published("shell", examples["sh"], ".sh", "sh")
	see(t, tab, "the first device", "dots.textContent.includes('sim-001 -46.25 -68')")
	published("Go", examples["go"], ".go", "go", "run")
	see(t, tab, "the second device", "dots.textContent.includes('sim-002 -46.25 -68.1')")
	published("Node", examples["js"], ".js", "node")
	see(t, tab, "the third device", "dots.textContent.includes('sim-003 -46.25 -68.2')")
}

// readmeExamples returns README.md's code blocks that have a language.
func readmeExamples(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, p := range pages(t) {
		if p.path != "README.md" {
			continue
		}
		for _, b := range p.blocks() {
			if b.language != "" {
				found[b.language] = b.text
			}
		}
	}
	for _, language := range []string{"sh", "go", "js", "html"} {
		if found[language] == "" {
			t.Fatalf("README.md has no example in %s", language)
		}
	}
	return found
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openTab opens a page in a browser of its own, which ends with the test.
func openTab(t *testing.T, url string) context.Context {
	t.Helper()
	options := append(append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.UserDataDir(t.TempDir()))
	browser, endBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(endBrowser)
	tab, endTab := chromedp.NewContext(browser)
	t.Cleanup(endTab)
	if _, err := chromedp.Run(tab, chromedp.Navigate(url)); err != nil {
		t.Fatalf("open the page: %v", err)
	}
	return tab
}

// see waits until a condition holds in the page.
func see(t *testing.T, tab context.Context, what, condition string) {
	t.Helper()
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		t.Fatalf("see %s: %v", what, err)
	}
}
