package docs

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
	"pitwall/engine/internal/testenv"
)

// pausesJS notes each pause of the client before it connects again, in ms.
const pausesJS = `const pauses = [], timeout = window.setTimeout
window.setTimeout = (f, ms) => { if (f === window.connect) pauses.push(ms); return timeout(f, ms) }`

// TestReconnectingClient runs the client of the protocol's page as printed, except for
// the address, in a real browser. The server goes away and comes back, and then the
// connection is cut. The client backs off, comes back by itself, and shows the newest
// position of each device, and no device that left the event meanwhile.
func TestReconnectingClient(t *testing.T) {
	client := examplesOf(t, "engine/live/README.md", "js")["js"]
	s := e2etest.NewStack(t, 2)
	s.SQL("INSERT INTO events VALUES ('demo'); UPDATE entries SET event_id = 'demo'")
	site := newSite(t)
	e := s.Start("--allowed-origins=" + site.URL)
	proxy := testenv.Proxy(t, e.HTTP)
	if strings.Count(client, "127.0.0.1:8080") != 1 {
		t.Fatalf("the client does not name one address:\n%s", client)
	}
	site.page = "<!doctype html><script>" + pausesJS + "</script><script>" + strings.ReplaceAll(client, "127.0.0.1:8080", proxy.Addr()) + "</script>"
	move := func(device int, lat string) {
		t.Helper()
		s.Add("device_id", e2etest.Device(device), "lat", lat, "lon", "8")
	}
	shown := func(device int, lat string) string {
		return fmt.Sprintf("devices.get('%s')?.lat === %s", e2etest.Device(device), lat)
	}

	move(0, "47.1")
	tab := chromium.Open(t, site.URL)
	tab.See("the snapshot", shown(0, "47.1"))
	move(1, "48.1")
	tab.See("a live position", shown(1, "48.1"))

	proxy.Retarget("127.0.0.1:1") // where nobody listens
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	move(0, "47.2")
	s.SQL("DELETE FROM entry_devices WHERE device_id = '" + e2etest.Device(1) + "'")
	const refused = 4
	tab.See("that it backs off", fmt.Sprintf("pauses.length >= %d", refused))
	wantBackoff(t, chromium.Ask[string](tab, "JSON.stringify(pauses)"), drainMs)
	tab.See("the last positions meanwhile", shown(0, "47.1")+" && "+shown(1, "48.1"))

	e = s.Start("--allowed-origins=" + site.URL)
	proxy.Retarget(e.HTTP)
	tab.See("the newest position", shown(0, "47.2"))
	tab.See("that the other device has left", "devices.size === 1")
	tab.See("that a connection which lasts ends the back-off", "tries === 0")

	chromium.Ask[int](tab, "(pauses.length = 0)")
	if proxy.CutAll() == 0 {
		t.Fatal("there was no connection to cut")
	}
	tab.See("that it noticed", "pauses.length > 0")
	wantBackoff(t, chromium.Ask[string](tab, "JSON.stringify(pauses)"), 0)
	move(0, "47.3")
	tab.See("the newest position after the cut", shown(0, "47.3"))
}

// drainMs is more than a drain frame asks few clients to wait, in ms.
const drainMs = 1000

// wantBackoff checks the pauses, in JSON: half a second, doubled each time up to 30 s,
// and half of it random. The first one may be longer, up to first, in ms.
func wantBackoff(t *testing.T, text string, first float64) {
	t.Helper()
	var pauses []float64
	if err := json.Unmarshal([]byte(text), &pauses); err != nil {
		t.Fatal(err)
	}
	for i, pause := range pauses {
		least := min(500*float64(int(1)<<i), 30_000) / 2
		most := 2 * least
		if i == 0 {
			most = max(most, first)
		}
		if pause < least || pause > most {
			t.Errorf("pause %d is %.0f ms, want %.0f to %.0f", i+1, pause, least, most)
		}
	}
}
