package browser

import (
	"fmt"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

// TestPage starts what a newcomer starts, opens the page in a real browser, and
// watches the dots move, before and after a restart of the engine.
func TestPage(t *testing.T) {
	data := "--data-dir=" + t.TempDir()
	e := e2etest.Start(t, "--simulate=50", data)
	addr := e.HTTP
	tab := chromium.Open(t, "http://"+addr+"/")
	tab.See("every device", "pitwall.connection === 'live' && pitwall.event === 'demo' && pitwall.devices >= 45")
	tab.See("dots move", "pitwall.updates > 200 && pitwall.counts.moving > 30")
	tab.See("dots are drawn", "pitwall.drawn >= 40")
	if n := chromium.Ask[int](tab, "pitwall.errors.length + pitwall.ignored"); n != 0 {
		t.Errorf("%d problems noted by the page", n)
	}
	if title := chromium.Ask[string](tab, "document.title"); title == "" {
		t.Error("the page has no title")
	}
	if !chromium.Ask[bool](tab, hasColoursJS) {
		t.Error("the canvas is blank")
	}
	if e.Metric(t, "processor_live_deflate_chunks_total") == 0 {
		t.Error("the browser offers compression, but nothing was compressed")
	}

	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	tab.See("that the server has gone", "pitwall.connection !== 'live'")
	e2etest.Start(t, "--simulate=50", data, "--http-addr="+addr)
	tab.See("the page come back by itself", "pitwall.connection === 'live' && pitwall.connections > 1")
	before := chromium.Ask[int](tab, "pitwall.updates")
	tab.See("dots move again", fmt.Sprintf("pitwall.updates > %d", before+50))
}

// findDevice types into the search box and presses Enter.
func findDevice(tab *chromium.Tab, name string) {
	chromium.Ask[bool](tab, "(document.getElementById('find').value = '', document.getElementById('find').focus(), true)")
	tab.Type(name + chromium.Enter)
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
