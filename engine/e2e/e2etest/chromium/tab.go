package chromium

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"pitwall/engine/e2e/e2etest"
)

// Enter is the key, for Type.
const Enter = kb.Enter

// Tab is a page with cookies and a cache of its own.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// shared is the browser of the test binary; nil before the first tab.
var shared struct {
	mu  sync.Mutex
	ctx context.Context
}

// Open opens a page in a new tab, which is closed with the test.
func Open(t testing.TB, url string) *Tab {
	t.Helper()
	ctx, endTab := chromedp.NewContext(browser(t), chromedp.WithNewBrowserContext())
	t.Cleanup(endTab)
	// Not with a time-out: the tab lives as long as the context of this call.
	if _, err := chromedp.Run(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("open the page: %v", err)
	}
	return &Tab{t, ctx}
}

// browser starts the browser, unless it runs.
func browser(t testing.TB) context.Context {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.ctx != nil {
		return shared.ctx
	}
	dir, err := os.MkdirTemp("", "pitwall-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	e2etest.AtEnd(func() { _ = os.RemoveAll(dir) }) // in the temporary folder anyway
	process, endProcess := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, // to run as root, in a container
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), // and without a network
		chromedp.UserDataDir(dir), chromedp.WSURLReadTimeout(e2etest.Patience))...)
	ctx, end := chromedp.NewContext(process)
	e2etest.AtEnd(func() { end(); endProcess() })
	if _, err := chromedp.Run(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	shared.ctx = ctx
	return ctx
}

// run runs one action.
func run[T any](b *Tab, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, e2etest.Patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return value
}

// See waits until a condition holds in the page. what completes "see ...".
func (b *Tab) See(what, condition string) {
	b.t.Helper()
	run(b, "see "+what, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(0)))
}

// SeeInFrame waits until a condition holds in the frame that a CSS selector finds.
func (b *Tab) SeeInFrame(what, frame, condition string) {
	b.t.Helper()
	nodes := run(b, "look for the frame "+frame, chromedp.Nodes(frame))
	if len(nodes) != 1 {
		b.t.Fatalf("there are %d frames %s", len(nodes), frame)
	}
	run(b, "see "+what, chromedp.Poll[bool](condition, chromedp.WithPollingInFrame(nodes[0]), chromedp.WithPollingTimeout(0)))
}

// Type presses keys.
func (b *Tab) Type(keys string) {
	b.t.Helper()
	run(b, "type "+keys, chromedp.KeyEvent(keys))
}

// Resize gives the page another size, in pixels.
func (b *Tab) Resize(width, height int64) {
	b.t.Helper()
	run(b, "resize", chromedp.EmulateViewport(width, height))
}

// Ask evaluates an expression in the page. It waits for the value of a promise.
func Ask[T any](b *Tab, expression string) T {
	b.t.Helper()
	return run(b, "ask for "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}
