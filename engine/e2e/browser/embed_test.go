package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"

	"github.com/chromedp/chromedp"
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
	named := start(t, "--simulate=20", "--frame-ancestors="+site.URL)
	other := start(t, "--simulate=20")
	maps = [2]string{named.HTTP, other.HTTP}

	tab := openTab(t, site.URL)
	seeInFrame(tab, t, "the devices move", "#map0", "window.pitwall?.connection === 'live' && pitwall.devices >= 15 && pitwall.updates > 30")
	seeInFrame(tab, t, "that embedding was refused", "#map1", "location.href === 'chrome-error://chromewebdata/'")
}

// seeInFrame waits until a condition holds in a frame of the page.
func seeInFrame(tab context.Context, t *testing.T, what, frame, condition string) {
	t.Helper()
	nodes, err := chromedp.Run(tab, chromedp.Nodes(frame))
	if err != nil || len(nodes) != 1 {
		t.Fatalf("look for the frame %s: %d, %v", frame, len(nodes), err)
	}
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](condition, chromedp.WithPollingInFrame(nodes[0]), chromedp.WithPollingTimeout(time.Minute))); err != nil {
		t.Fatalf("see %s: %v", what, err)
	}
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
	named := start(t, "--auth-mode=jwt", secret, "--allowed-origins="+allowed.URL)
	all := start(t, "--auth-mode=jwt", secret, "--allowed-origins=*")

	for _, site := range []*httptest.Server{allowed, stranger} {
		tab := openTab(t, site.URL)
		for _, c := range []struct{ name, addr, token, want string }{
			{"named, with a token", named.HTTP, "x.y.z", map[bool]string{true: "401 unauthorized", false: "nothing"}[site == allowed]},
			{"named, with cookies", named.HTTP, "", map[bool]string{true: "401 unauthorized", false: "nothing"}[site == allowed]},
			{"all, with a token", all.HTTP, "x.y.z", "401 unauthorized"},
			{"all, with cookies", all.HTTP, "", "nothing"}, // whoever may be anybody gets no cookies
		} {
			ask[bool](tab, t, fmt.Sprintf(askLiveJS, c.addr, c.token))
			see(tab, t, "an answer", "window.told !== undefined")
			if got := ask[string](tab, t, "window.told"); got != c.want {
				t.Errorf("%s, the page of %s: %q, want %q", c.name, site.URL, got, c.want)
			}
		}
		list := fmt.Sprintf("(window.list = undefined, fetch('http://%s/events.json').then((a) => (window.list = String(a.status)), () => (window.list = 'nothing')), true)", named.HTTP)
		ask[bool](tab, t, list)
		see(tab, t, "the list", "window.list === "+map[bool]string{true: "'200'", false: "'nothing'"}[site == allowed])
	}
}
