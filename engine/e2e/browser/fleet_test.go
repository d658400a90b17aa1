package browser

import (
	"fmt"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

// TestFleet gives the frames of contract 3 to the model of the page, in a real
// browser. Each case returns what is wrong, "" for nothing.
func TestFleet(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	tab := chromium.Open(t, "http://"+s.Start().HTTP+"/")
	tests := []struct{ name, script string }{
		{"an older position does not move a dot", `
			f.apply(positions(at('a', 2000, 1)));
			f.apply(positions(at('a', 1000, 2)));
			return is([f.devices.get('a').lat, f.ignored], [1, 1])`},
		{"a lagged snapshot is no step back", `
			f.apply(positions(at('a', 2000, 1), at('b', 2000, 1)));
			f.apply({ type: 'snapshot', reason: 'lagged', conflated: 7, positions: [at('a', 1000, 2), at('b', 3000, 2)] });
			return is([f.devices.get('a').lat, f.devices.get('b').lat, f.conflated], [1, 2, 7])`},
		{"a corrected one is, with its trail", `
			f.apply(positions(at('a', 2000, 1)));
			f.apply(positions(at('a', 9000, 60)));
			f.apply({ type: 'snapshot', reason: 'corrected', positions: [at('a', 2000, 1)] });
			f.apply(positions(at('a', 8000, 3)));
			const d = f.devices.get('a');
			return is([d.lat, d.ts, d.trail.length, f.lastUpdate], [3, 8000, 2, 8000])`},
		{"the picture after a reconnect is the whole truth, also of what was corrected meanwhile", `
			f.apply({ type: 'subscribed', devices: 2, parts: 1 });
			f.apply({ type: 'snapshot', reason: 'subscribe', positions: [at('a', 9000, 60), at('b', 9000, 60)] });
			f.apply({ type: 'subscribed', devices: 1, parts: 2 });
			f.apply({ type: 'snapshot', reason: 'subscribe', positions: [at('a', 2000, 1)] });
			f.apply({ type: 'snapshot', reason: 'subscribe', positions: [] });
			return is([f.devices.get('a').lat, f.devices.has('b'), f.expected], [1, false, 1])`},
		{"a live position that came before its part of the snapshot stays", `
			f.apply({ type: 'subscribed', devices: 1, parts: 1 });
			f.apply(positions(at('a', 9000, 60)));
			f.apply({ type: 'snapshot', reason: 'subscribe', positions: [at('a', 2000, 1)] });
			return is(f.devices.get('a').lat, 60)`},
		{"a device in both lists of a roster has lost its position and is still expected", `
			f.apply({ type: 'subscribed', devices: 1, parts: 0 });
			f.apply(positions(at('a', 2000, 1)));
			f.apply({ type: 'roster', added: ['a'], removed: ['a'] });
			const lost = [f.devices.size, f.expected];
			f.apply(positions(at('a', 1000, 2)));
			return is([...lost, f.devices.get('a').lat, f.expected], [0, 1, 2, 1])`},
		{"joins and leaves that are told twice count once", `
			f.apply({ type: 'subscribed', devices: 1, parts: 0 });
			f.apply({ type: 'roster', added: ['b', 'c'], removed: [] });
			f.apply({ type: 'roster', added: ['b', 'c'], removed: [] });
			f.apply({ type: 'roster', added: [], removed: ['c'] });
			f.apply({ type: 'roster', added: ['b'], removed: ['c'] });
			return is(f.expected, 2)`},
		{"moving, stopped and no signal are never one for another", `
			f.apply(positions({ ...at('m', 100_000, 1), speed: 20 }, { ...at('s', 100_000, 1), speed: 0 }, at('l', 100_000, 1)));
			const was = states();
			now = 131_000;
			return is([was, states()], [{ m: 'moving', s: 'stopped', l: 'located' }, { m: 'silent', s: 'silent', l: 'silent' }])`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if wrong := chromium.Ask[string](tab, fleetJS+tt.script+"})()"); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// fleetJS is the beginning of a script: a fleet f with a clock that shows now.
const fleetJS = `(async () => {
	const { Fleet } = await import('./fleet.js');
	let now = 100_000;
	const f = new Fleet(() => now);
	const at = (deviceId, ts, lat) => ({ deviceId, ts, lat, lon: 1 });
	const positions = (...list) => ({ type: 'positions', positions: list });
	const states = () => (f.updateStates(), Object.fromEntries([...f.devices.values()].map((d) => [d.id, d.state])));
	const is = (got, want) => JSON.stringify(got) === JSON.stringify(want) ? '' : 'got ' + JSON.stringify(got) + ' want ' + JSON.stringify(want);
`

// A canvas without a height, as in a window that is being resized, is not a
// fault.
func TestFlatCanvas(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	s.Add(record(0)...)
	tab := chromium.Open(t, "http://"+s.Start().HTTP+"/")
	tab.See("the device", "pitwall.devices === 1")
	chromium.Ask[bool](tab, `(window.thrown = [], addEventListener('error', (e) => thrown.push(e.message)), document.getElementById('map').style.height = '0', true)`)
	tab.See("the flat canvas", "document.getElementById('map').height === 0")
	s.Add(record(0)...)
	tab.See("the page go on", "pitwall.updates > 0")
	chromium.Ask[string](tab, "(document.getElementById('map').style.height = '')")
	drawn := chromium.Ask[int](tab, "pitwall.drawn")
	tab.See("frames again", fmt.Sprintf("pitwall.drawn > %d", drawn))
	if thrown := chromium.Ask[string](tab, "thrown.join()"); thrown != "" {
		t.Errorf("thrown: %s", thrown)
	}
}
