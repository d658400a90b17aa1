package engine_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"pitwall/engine"
)

// browserFlags let Chromium run in a sandbox without a network and as root.
var browserFlags = []chromedp.ExecAllocatorOption{
	chromedp.NoSandbox, chromedp.DisableGPU,
	chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
	chromedp.Flag("disable-background-networking", true),
	chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
}

// TestPageInABrowser starts what a newcomer starts, opens the page in a real
// browser, and watches the dots move, also over a restart of the engine.
func TestPageInABrowser(t *testing.T) {
	cfg := browserConfig(t, "--simulate=50")
	e, stop := browserEngine(t, cfg)

	addr := e.HTTPAddr()
	tab := openTab(t, "http://"+addr+"/")
	see(tab, t, "every device", "pitwall.connection === 'live' && pitwall.event === 'demo' && pitwall.devices >= 45")
	see(tab, t, "dots move", "pitwall.updates > 200 && pitwall.counts.moving > 30")
	if n := ask[int](tab, t, "pitwall.drawn"); n < 40 {
		t.Errorf("%d dots drawn, want 40 or more", n)
	}
	if n := ask[int](tab, t, "pitwall.errors.length + pitwall.ignored"); n != 0 {
		t.Errorf("%d problems noted by the page", n)
	}
	if title := ask[string](tab, t, "document.title"); title == "" {
		t.Error("the page has no title")
	}
	if !ask[bool](tab, t, inkedJS) {
		t.Error("the canvas is blank")
	}
	if !compresses(t, e.OpsAddr()) {
		t.Error("the browser offers compression, but nothing was compressed")
	}

	stop()
	see(tab, t, "that the server has gone", "pitwall.connection !== 'live'")
	cfg.HTTPAddr = addr
	_, stop = browserEngine(t, cfg)
	defer stop()
	see(tab, t, "the page come back by itself", "pitwall.connection === 'live' && pitwall.connections > 1")
	before := ask[int](tab, t, "pitwall.updates")
	see(tab, t, "dots move again", fmt.Sprintf("pitwall.updates > %d", before+50))
}

// compresses reports whether an engine has compressed anything so far.
func compresses(t *testing.T, opsAddr string) bool {
	t.Helper()
	resp, err := http.Get("http://" + opsAddr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^processor_live_deflate_chunks_total [1-9]`).Match(text)
}

// browserConfig is what a newcomer starts with, on any ports.
func browserConfig(t testing.TB, more ...string) (cfg engine.Config) {
	t.Helper()
	parser, err := kong.New(&cfg)
	if err == nil {
		_, err = parser.Parse(append([]string{"--data-dir=" + t.TempDir(), "--http-addr=127.0.0.1:0",
			"--ops-addr=127.0.0.1:0", "--embedded-redis-addr=127.0.0.1:0", "--live-drain-ms=50"}, more...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// openTab opens a page in a browser of its own, which ends with the test. In it
// nothing may take longer than the patience of these tests.
func openTab(t testing.TB, url string) context.Context {
	t.Helper()
	opts := append(append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...), browserFlags...)
	alloc, endBrowser := chromedp.NewExecAllocator(context.Background(), append(opts, chromedp.UserDataDir(t.TempDir()))...)
	t.Cleanup(endBrowser)
	tab, endTab := chromedp.NewContext(alloc)
	t.Cleanup(endTab)
	tab, endTime := context.WithTimeout(tab, 3*time.Minute)
	t.Cleanup(endTime)
	if _, err := chromedp.Run(tab, chromedp.Navigate(url)); err != nil {
		t.Fatalf("open the page: %v", err)
	}
	return tab
}

// see waits until a condition holds in the page.
func see(tab context.Context, t testing.TB, what, condition string) {
	t.Helper()
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		t.Fatalf("see %s: %v", what, err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](tab context.Context, t testing.TB, expression string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("ask for %s: %v", expression, err)
	}
	return v
}

// findDevice types into the search box and presses Enter.
func findDevice(tab context.Context, t testing.TB, name string) {
	t.Helper()
	ask[bool](tab, t, "(document.getElementById('find').value = '', document.getElementById('find').focus(), true)")
	if _, err := chromedp.Run(tab, chromedp.KeyEvent(name+kb.Enter)); err != nil {
		t.Fatalf("look for %s: %v", name, err)
	}
}

// browserRecord is a device at rest that arrives now.
func browserRecord(n int) []string {
	return []string{"device_id", faultDevice(n), "lat", fmt.Sprintf("48.%04d", n), "lon", "11", "speed", "0"}
}

// inkedJS is true when the map's canvas shows more than one colour.
const inkedJS = `(() => {
	const c = document.querySelector('canvas');
	const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
	const seen = new Set();
	for (let i = 0; i < d.length; i += 4) seen.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]);
	return seen.size > 3;
})()`

// browserEngine runs an engine until stop is called.
func browserEngine(t testing.TB, cfg engine.Config) (e *engine.Engine, stop func()) {
	t.Helper()
	e, err := engine.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("engine: %v", err)
		}
	}
	select {
	case <-e.Ready():
	case err := <-ended:
		t.Fatalf("engine did not start: %v", err)
	}
	return e, stop
}
