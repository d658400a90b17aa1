package browser

import (
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

const (
	messageJS = "document.getElementById('message').innerText"
	statusJS  = "document.getElementById('status').innerText"
)

// A full server only refuses the handshake of a browser. The page finds out
// why, says so, and connects when there is room.
func TestFullServer(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	s.Add(record(0)...)
	addr := s.Start("--live-max-connections=1").HTTP
	first := s.Watch(addr, "first", "", "")
	tab := chromium.Open(t, "http://"+addr+"/")
	tab.See("that the server is full", "pitwall.connection === 'busy' && "+messageJS+".includes('The server is full right now') && "+statusJS+".includes('retry in')")
	first.Close()
	tab.See("the page come in by itself", "pitwall.connection === 'live' && pitwall.devices === 1 && "+messageJS+" === ''")
}

// overRateJS changes the event from other to race while the bucket of requests is
// full, until the page says that this was too much: a change is two requests at
// once. A server that is so slow that the bucket fills between the two lets it
// pass; then the page goes back, and the change is tried again.
const overRateJS = `(() => {
	if (pitwall.connection === 'busy') return pitwall.event === 'race' && !` + messageJS + `.includes('not available');
	const now = performance.now();
	window.changed ??= now;
	if (pitwall.connection === 'live' && now - window.changed > 1500) {
		window.changed = now;
		location.hash = pitwall.event === 'other' ? 'race' : 'other';
	}
	return false;
})()`

// Requests over the rate limit are repeated later.
func TestTooManyRequests(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	s.Add(record(0)...)
	s.SQL("INSERT INTO events VALUES ('other')")
	tab := chromium.Open(t, "http://"+s.Start("--live-request-rate=1", "--live-request-burst=1").HTTP+"/#other")
	tab.See("the event", "pitwall.connection === 'live' && pitwall.event === 'other'")
	tab.See("that the server is busy", overRateJS)
	tab.See("the other event", "pitwall.connection === 'live' && pitwall.event === 'race' && pitwall.devices === 1")
}

// When access is withdrawn, the dots disappear and the page says why.
func TestWithdrawnAccess(t *testing.T) {
	s := e2etest.NewStack(t, 3)
	for i := range 3 {
		s.Add(record(i)...)
	}
	s.SQL("INSERT INTO pitwall_events (event_id, public) VALUES ('race', true)")
	tab := chromium.Open(t, "http://"+s.Start("--authz-mode=public").HTTP+"/#race")
	tab.See("the dots", "pitwall.connection === 'live' && pitwall.devices === 3")
	findDevice(tab, "d-0001")
	tab.See("a card", "!document.getElementById('card').hidden")
	s.SQL("UPDATE pitwall_events SET public = false")
	tab.See("the end, and why", "pitwall.connection === 'refused' && "+messageJS+".includes('withdrawn')")
	tab.See("no dot and no card", "pitwall.devices === 0 && document.getElementById('card').hidden && document.getElementById('n-stopped').textContent === '0'")
	s.SQL("UPDATE pitwall_events SET public = true")
	// The page asks again within a minute; a change of the event asks at once.
	chromium.Ask[string](tab, "(location.hash = 'nothing')")
	tab.See("another event refused", "pitwall.connection === 'refused' && "+messageJS+".includes('not available')")
	chromium.Ask[string](tab, "(location.hash = 'race')")
	tab.See("the dots again", "pitwall.connection === 'live' && pitwall.devices === 3 && "+messageJS+" === ''")
}
