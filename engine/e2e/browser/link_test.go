package browser

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pitwall/engine/admin"
	"pitwall/engine/config"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

// TestShareLink opens a share link. The token is in the fragment, and the event
// is shown although strangers are not told of it.
func TestShareLink(t *testing.T) {
	e := e2etest.Start(t, "--simulate=20", "--auth-mode=jwt", "--jwt-secret="+e2etest.JWTSecret, "--auth-refresh-ms=100")
	var out bytes.Buffer
	if err := admin.CreateLink(t.Context(), config.Links{JWTSecret: e2etest.JWTSecret}, e.Config.Database, "http://"+e.HTTP+"/", "demo", time.Hour, 3, slog.New(slog.DiscardHandler), &out); err != nil {
		t.Fatal(err)
	}
	link, more, _ := strings.Cut(out.String(), "\n")

	stranger := chromium.Open(t, "http://"+e.HTTP+"/#demo")
	stranger.See("what is wanted", "pitwall.connection === 'busy' && "+messageJS+".includes('wants a link or a sign-in')")
	tab := chromium.Open(t, link)
	tab.See("the devices of the link's event", "pitwall.connection === 'live' && pitwall.event === 'demo' && pitwall.devices >= 15")
	if n := chromium.Ask[int](tab, "pitwall.events.length"); n != 0 {
		t.Errorf("%d events are listed for strangers", n)
	}
	id := strings.Fields(more)[1]
	if err := admin.RevokeToken(t.Context(), e.Config.Database, id, 0, slog.New(slog.DiscardHandler), &out); err != nil {
		t.Fatal(err)
	}
	tab.See("the end of the link, and no dots", "pitwall.connection === 'refused' && "+messageJS+".includes('has ended') && pitwall.devices === 0")
}

// TestGarbageLink opens links with a token that cannot be valid. The page says
// so, and goes on when the address is corrected.
func TestGarbageLink(t *testing.T) {
	e := e2etest.Start(t, "--simulate=20", "--auth-mode=jwt", "--jwt-secret="+e2etest.JWTSecret)
	var out bytes.Buffer
	page := "http://" + e.HTTP + "/"
	if err := admin.CreateLink(t.Context(), config.Links{JWTSecret: e2etest.JWTSecret}, e.Config.Database, page, "demo", time.Hour, 0, slog.New(slog.DiscardHandler), &out); err != nil {
		t.Fatal(err)
	}
	link, _, _ := strings.Cut(out.String(), "\n")
	_, good, _ := strings.Cut(link, "#")
	const told = "pitwall.connection === 'refused' && " + messageJS + ".includes('This link is not valid')"

	tab := chromium.Open(t, page+"#event=demo&token=two%20words")
	tab.See("that the link is not valid", told)
	for _, garbage := range []string{"%22", "a,b", "caf%C3%A9", "%0A", "x/y"} {
		chromium.Ask[string](tab, "(location.hash = '#event=demo&token="+good[strings.LastIndex(good, "=")+1:]+"')")
		tab.See("the devices", "pitwall.connection === 'live' && pitwall.devices >= 15")
		chromium.Ask[string](tab, "(location.hash = '#event=demo&token="+garbage+"')")
		tab.See("that the link is not valid with "+garbage, told)
	}
	if n := chromium.Ask[int](tab, "pitwall.errors.length"); n != 0 {
		t.Errorf("%d problems noted by the page", n)
	}
}
