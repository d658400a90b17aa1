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
)

// TestShareLink opens a share link. The token is in the fragment, and the event
// is shown although strangers are not told of it.
func TestShareLink(t *testing.T) {
	e := start(t, "--simulate=20", "--auth-mode=jwt", "--jwt-secret="+e2etest.JWTSecret, "--auth-refresh-ms=100")
	var out bytes.Buffer
	if err := admin.CreateLink(t.Context(), config.Links{JWTSecret: e2etest.JWTSecret}, e.Config.Database, "http://"+e.HTTP+"/", "demo", time.Hour, 3, slog.New(slog.DiscardHandler), &out); err != nil {
		t.Fatal(err)
	}
	link, more, _ := strings.Cut(out.String(), "\n")

	stranger := openTab(t, "http://"+e.HTTP+"/#demo")
	see(stranger, t, "what is wanted", "pitwall.connection === 'busy' && "+messageJS+".includes('wants a link or a sign-in')")
	tab := openTab(t, link)
	see(tab, t, "the devices of the link's event", "pitwall.connection === 'live' && pitwall.event === 'demo' && pitwall.devices >= 15")
	if n := ask[int](tab, t, "pitwall.events.length"); n != 0 {
		t.Errorf("%d events are listed for strangers", n)
	}
	id := strings.Fields(more)[1]
	if err := admin.RevokeToken(t.Context(), e.Config.Database, id, 0, slog.New(slog.DiscardHandler), &out); err != nil {
		t.Fatal(err)
	}
	see(tab, t, "the end of the link, and no dots", "pitwall.connection === 'refused' && "+messageJS+".includes('has ended') && pitwall.devices === 0")
}

// TestGarbageLink opens links with a token that cannot be valid. The page says
// so, and goes on when the address is corrected.
func TestGarbageLink(t *testing.T) {
	e := start(t, "--simulate=20", "--auth-mode=jwt", "--jwt-secret="+e2etest.JWTSecret)
	var out bytes.Buffer
	page := "http://" + e.HTTP + "/"
	if err := admin.CreateLink(t.Context(), config.Links{JWTSecret: e2etest.JWTSecret}, e.Config.Database, page, "demo", time.Hour, 0, slog.New(slog.DiscardHandler), &out); err != nil {
		t.Fatal(err)
	}
	link, _, _ := strings.Cut(out.String(), "\n")
	_, good, _ := strings.Cut(link, "#")
	const told = "pitwall.connection === 'refused' && " + messageJS + ".includes('This link is not valid')"

	tab := openTab(t, page+"#event=demo&token=two%20words")
	see(tab, t, "that the link is not valid", told)
	for _, garbage := range []string{"%22", "a,b", "caf%C3%A9", "%0A", "x/y"} {
		ask[string](tab, t, "(location.hash = '#event=demo&token="+good[strings.LastIndex(good, "=")+1:]+"')")
		see(tab, t, "the devices", "pitwall.connection === 'live' && pitwall.devices >= 15")
		ask[string](tab, t, "(location.hash = '#event=demo&token="+garbage+"')")
		see(tab, t, "that the link is not valid with "+garbage, told)
	}
	if n := ask[int](tab, t, "pitwall.errors.length"); n != 0 {
		t.Errorf("%d problems noted by the page", n)
	}
}
