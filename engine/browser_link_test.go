package engine_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pitwall/engine"
)

// TestShareLinkInABrowser opens a share link in a real browser: the token is in
// the fragment, and the event shows although strangers do not learn of it.
func TestShareLinkInABrowser(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	cfg := browserConfig(t, "--simulate=20", "--auth-mode=jwt", "--jwt-secret="+secret, "--auth-refresh-ms=100")
	e, stop := browserEngine(t, cfg)
	defer stop()
	var out bytes.Buffer
	if err := engine.CreateLink(engine.LinkConfig{JWTSecret: secret}, "http://"+e.HTTPAddr()+"/", "demo", time.Hour, 3, &out); err != nil {
		t.Fatal(err)
	}
	link, more, _ := strings.Cut(out.String(), "\n")

	stranger := openTab(t, "http://"+e.HTTPAddr()+"/#demo")
	see(stranger, t, "what is wanted", "pitwall.connection === 'busy' && "+messageJS+".includes('wants a link or a sign-in')")
	tab := openTab(t, link)
	see(tab, t, "the devices of the link's event", "pitwall.connection === 'live' && pitwall.event === 'demo' && pitwall.devices >= 15")
	if n := ask[int](tab, t, "pitwall.events.length"); n != 0 {
		t.Errorf("%d events are listed for strangers", n)
	}
	id := strings.Fields(more)[1]
	if err := engine.RevokeToken(t.Context(), cfg.DatabaseConfig, id, time.Hour, discardLog(), &out); err != nil {
		t.Fatal(err)
	}
	see(tab, t, "the end of the link, and no dots", "pitwall.connection === 'refused' && "+messageJS+".includes('has ended') && pitwall.devices === 0")
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
