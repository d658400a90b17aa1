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
	var cfg engine.Config
	parser, err := kong.New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--simulate=50", "--data-dir=" + t.TempDir(), "--http-addr=127.0.0.1:0",
		"--ops-addr=127.0.0.1:0", "--embedded-redis-addr=127.0.0.1:0", "--live-drain-ms=50"}); err != nil {
		t.Fatal(err)
	}
	e, stop := browserEngine(t, cfg)

	opts := append(append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...), browserFlags...)
	alloc, endBrowser := chromedp.NewExecAllocator(context.Background(), append(opts, chromedp.UserDataDir(t.TempDir()))...)
	defer endBrowser()
	tab, endTab := chromedp.NewContext(alloc)
	defer endTab()
	tab, endTime := context.WithTimeout(tab, 2*time.Minute)
	defer endTime()

	addr := e.HTTPAddr()
	if _, err := chromedp.Run(tab, chromedp.Navigate("http://"+addr+"/")); err != nil {
		t.Fatalf("open the page: %v", err)
	}
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

// see waits until a condition holds in the page.
func see(tab context.Context, t *testing.T, what, condition string) {
	t.Helper()
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		t.Fatalf("see %s: %v", what, err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](tab context.Context, t *testing.T, expression string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("ask for %s: %v", expression, err)
	}
	return v
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
func browserEngine(t *testing.T, cfg engine.Config) (e *engine.Engine, stop func()) {
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
