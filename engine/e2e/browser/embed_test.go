package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

// club is another web site, whose pages the handler writes.
func club(t *testing.T, page http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(page)
	t.Cleanup(s.Close)
	return s
}

// TestEmbeddedMap embeds the map in the page of a club. It is shown by the
// engine that allows this site, and not by the other.
func TestEmbeddedMap(t *testing.T) {
	var maps [2]string
	site := club(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for i, at := range maps {
			fmt.Fprintf(w, `<iframe id="map%d" src="http://%s/#demo" width="600" height="400"></iframe>`, i, at)
		}
	})
	named := e2etest.Start(t, "--simulate=20", "--frame-ancestors="+site.URL)
	other := e2etest.Start(t, "--simulate=20")
	maps = [2]string{named.HTTP, other.HTTP}

	tab := chromium.Open(t, site.URL)
	tab.SeeInFrame("the devices move", "#map0", "window.pitwall?.connection === 'live' && pitwall.devices >= 15 && pitwall.updates > 30")
	tab.SeeInFrame("that embedding was refused", "#map1", "location.href === 'chrome-error://chromewebdata/'")
}

// askLiveJS sends a plain GET to /live, as the map page does after a handshake
// that failed, and leaves what the page learns in window.told.
const askLiveJS = `(() => {
	window.told = undefined;
	const token = '%[2]s';
	const init = token ? { headers: { authorization: 'Bearer ' + token }, cache: 'no-store' } : { credentials: 'include', cache: 'no-store' };
	fetch('http://%[1]s/live', init).then(
		async (answer) => (window.told = answer.status + ' ' + (await answer.text()).split(':')[0]),
		() => (window.told = 'nothing'),
	);
	return true;
})()`

// TestForeignPageLearnsWhy has pages of other origins ask why they were
// refused. Only allowed origins are told.
func TestForeignPageLearnsWhy(t *testing.T) {
	blank := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><title>club</title>") }
	allowed, stranger := club(t, blank), club(t, blank)
	const secret = "--jwt-secret=" + e2etest.JWTSecret
	named := e2etest.Start(t, "--auth-mode=jwt", secret, "--allowed-origins="+allowed.URL)
	all := e2etest.Start(t, "--auth-mode=jwt", secret, "--allowed-origins=*")

	for _, site := range []*httptest.Server{allowed, stranger} {
		tab := chromium.Open(t, site.URL)
		for _, c := range []struct{ name, addr, token, want string }{
			{"named, with a token", named.HTTP, "x.y.z", map[bool]string{true: "401 unauthorized", false: "nothing"}[site == allowed]},
			{"named, with cookies", named.HTTP, "", map[bool]string{true: "401 unauthorized", false: "nothing"}[site == allowed]},
			{"all, with a token", all.HTTP, "x.y.z", "401 unauthorized"},
			{"all, with cookies", all.HTTP, "", "nothing"}, // whoever may be anybody gets no cookies
		} {
			chromium.Ask[bool](tab, fmt.Sprintf(askLiveJS, c.addr, c.token))
			tab.See("an answer", "window.told !== undefined")
			if got := chromium.Ask[string](tab, "window.told"); got != c.want {
				t.Errorf("%s, the page of %s: %q, want %q", c.name, site.URL, got, c.want)
			}
		}
		list := fmt.Sprintf("(window.list = undefined, fetch('http://%s/events.json').then((a) => (window.list = String(a.status)), () => (window.list = 'nothing')), true)", named.HTTP)
		chromium.Ask[bool](tab, list)
		tab.See("the list", "window.list === "+map[bool]string{true: "'200'", false: "'nothing'"}[site == allowed])
	}
}
