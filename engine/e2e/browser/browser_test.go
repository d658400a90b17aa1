package browser

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromiumFlags let Chromium run as root in a sandbox without a network.
var chromiumFlags = []chromedp.ExecAllocatorOption{
	chromedp.NoSandbox, chromedp.DisableGPU,
	chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
	chromedp.Flag("disable-background-networking", true),
	chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
}

// TestPage starts what a newcomer starts, opens the page in a real browser, and
// watches the dots move, before and after a restart of the engine.
func TestPage(t *testing.T) {
	data := "--data-dir=" + t.TempDir()
	e := start(t, "--simulate=50", data)
	addr := e.HTTP
	tab := openTab(t, "http://"+addr+"/")
	see(tab, t, "every device", "pitwall.connection === 'live' && pitwall.event === 'demo' && pitwall.devices >= 45")
	see(tab, t, "dots move", "pitwall.updates > 200 && pitwall.counts.moving > 30")
	see(tab, t, "dots are drawn", "pitwall.drawn >= 40")
	if n := ask[int](tab, t, "pitwall.errors.length + pitwall.ignored"); n != 0 {
		t.Errorf("%d problems noted by the page", n)
	}
	if title := ask[string](tab, t, "document.title"); title == "" {
		t.Error("the page has no title")
	}
	if !ask[bool](tab, t, hasColoursJS) {
		t.Error("the canvas is blank")
	}
	if e.Metric(t, "processor_live_deflate_chunks_total") == 0 {
		t.Error("the browser offers compression, but nothing was compressed")
	}

	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	see(tab, t, "that the server has gone", "pitwall.connection !== 'live'")
	start(t, "--simulate=50", data, "--http-addr="+addr)
	see(tab, t, "the page come back by itself", "pitwall.connection === 'live' && pitwall.connections > 1")
	before := ask[int](tab, t, "pitwall.updates")
	see(tab, t, "dots move again", fmt.Sprintf("pitwall.updates > %d", before+50))
}

// start runs an engine as a newcomer starts it, with a short shutdown and on any
// ports, until the test ends. Later flags win.
func start(t testing.TB, more ...string) *e2etest.Engine {
	t.Helper()
	cfg := e2etest.MustSettings(t, append([]string{"--data-dir=" + t.TempDir(), "--http-addr=127.0.0.1:0",
		"--ops-addr=127.0.0.1:0", "--embedded-redis-addr=127.0.0.1:0", "--live-drain-ms=50"}, more...)...)
	e, err := e2etest.LaunchReady(cfg, new(e2etest.Log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	return e
}

// openTab opens a page in a browser of its own, which ends with the test or
// after three minutes.
func openTab(t testing.TB, url string) context.Context {
	t.Helper()
	opts := append(append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...), chromiumFlags...)
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

// record is a device at rest that arrives now.
func record(n int) []string {
	return []string{"device_id", e2etest.Device(n), "lat", fmt.Sprintf("48.%04d", n), "lon", "11", "speed", "0"}
}

// hasColoursJS is true when the map's canvas shows more than one colour.
const hasColoursJS = `(() => {
	const c = document.querySelector('canvas');
	const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
	const seen = new Set();
	for (let i = 0; i < d.length; i += 4) seen.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]);
	return seen.size > 3;
})()`
