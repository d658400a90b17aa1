package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/chromedp/chromedp"

	"pitwall/engine"
)

// TestShareLinkInABrowser opens a share link in a real browser: the token is in
// the fragment, and the event shows although strangers do not learn of it.
func TestShareLinkInABrowser(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	var cfg engine.Config
	parser, err := kong.New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--simulate=20", "--data-dir=" + t.TempDir(), "--http-addr=127.0.0.1:0",
		"--ops-addr=127.0.0.1:0", "--embedded-redis-addr=127.0.0.1:0", "--live-drain-ms=50",
		"--auth-mode=jwt", "--jwt-secret=" + secret, "--auth-refresh-ms=100"}); err != nil {
		t.Fatal(err)
	}
	e, stop := browserEngine(t, cfg)
	defer stop()
	var out bytes.Buffer
	if err := engine.CreateLink(engine.LinkConfig{JWTSecret: secret}, "http://"+e.HTTPAddr()+"/", "demo", time.Hour, 3, &out); err != nil {
		t.Fatal(err)
	}
	link, more, _ := strings.Cut(out.String(), "\n")

	opts := append(append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...), browserFlags...)
	alloc, endBrowser := chromedp.NewExecAllocator(context.Background(), append(opts, chromedp.UserDataDir(t.TempDir()))...)
	defer endBrowser()
	tab, endTab := chromedp.NewContext(alloc)
	defer endTab()
	tab, endTime := context.WithTimeout(tab, 2*time.Minute)
	defer endTime()
	if _, err := chromedp.Run(tab, chromedp.Navigate(link)); err != nil {
		t.Fatalf("open the link: %v", err)
	}
	see(tab, t, "the devices of the link's event", "pitwall.connection === 'live' && pitwall.event === 'demo' && pitwall.devices >= 15")
	if n := ask[int](tab, t, "pitwall.events.length"); n != 0 {
		t.Errorf("%d events are listed for strangers", n)
	}
	id := strings.Fields(more)[1]
	if err := engine.RevokeToken(t.Context(), cfg.DatabaseConfig, id, time.Hour, discardLog(), &out); err != nil {
		t.Fatal(err)
	}
	see(tab, t, "the end of the link", "pitwall.connection !== 'live'")
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
