package browser

import (
	"fmt"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

// BenchmarkPage draws 5,000 dots that move, each with a new position a second,
// in a browser that draws with the processor, beside the engine that feeds it.
// An operation is a frame; a screen asks for one in 16.7 ms.
//
//	go test ./engine/e2e/browser -run - -bench Page -benchtime 900x
func BenchmarkPage(b *testing.B) {
	tab := chromium.Open(b, "http://"+e2etest.Start(b, "--simulate=5350", "--live-device-event-refresh-ms=30000").HTTP+"/")
	tab.Resize(1280, 800)
	tab.See("5,000 dots that move", "pitwall.devices >= 5000 && pitwall.counts.moving > 4900 && pitwall.updates > 30000")
	b.ResetTimer()
	m := chromium.Ask[map[string]float64](tab, fmt.Sprintf(framesJS, b.N))
	b.StopTimer()
	for name, value := range m {
		b.ReportMetric(value, name)
	}
}

// framesJS waits for a number of frames and returns how long they took.
const framesJS = `(async () => {
	const frame = () => new Promise(requestAnimationFrame);
	const took = [];
	const drawn = pitwall.drawn;
	let before = await frame();
	for (let n = 0; n < %d; n++) {
		const at = await frame();
		took.push(at - before);
		before = at;
	}
	took.sort((a, b) => a - b);
	const part = (p) => took[Math.min(Math.floor(took.length * p), took.length - 1)];
	return { 'p50-ms': part(0.5), 'p99-ms': part(0.99), 'script-ms': pitwall.costs.frame, 'drawn/frame': (pitwall.drawn - drawn) / took.length, 'updates/s': pitwall.updatesPerSecond };
})()`
