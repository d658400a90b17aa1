package engine_test

import "testing"

const (
	messageJS = "document.getElementById('message').innerText"
	statusJS  = "document.getElementById('status').innerText"
)

// A server that is full says nothing to browsers but that it does not shake
// hands. The page finds out, says so, and comes in when there is room.
func TestFullServerInABrowser(t *testing.T) {
	s := newFaultSite(t, 1)
	s.add(browserRecord(0)...)
	addr := s.start("--live-max-connections=1").http
	first := s.watch(addr, "first", "", "")
	tab := openTab(t, "http://"+addr+"/")
	see(tab, t, "that the server is full", "pitwall.connection === 'busy' && "+messageJS+".includes('The server is full right now') && "+statusJS+".includes('retry in')")
	first.close()
	see(tab, t, "the page come in by itself", "pitwall.connection === 'live' && pitwall.devices === 1 && "+messageJS+" === ''")
}

// Requests over the rate are not refused for good.
func TestTooManyRequestsInABrowser(t *testing.T) {
	s := newFaultSite(t, 1)
	s.add(browserRecord(0)...)
	s.sql("INSERT INTO events VALUES ('other')")
	tab := openTab(t, "http://"+s.start("--live-request-rate=1", "--live-request-burst=2").http+"/#other")
	see(tab, t, "the event", "pitwall.connection === 'live'")
	ask[string](tab, t, "(location.hash = 'race')")
	see(tab, t, "that the server is busy", "pitwall.connection === 'busy' && !"+messageJS+".includes('not available')")
	see(tab, t, "the other event", "pitwall.connection === 'live' && pitwall.event === 'race' && pitwall.devices === 1")
}

// Access that is withdrawn takes the dots with it, and the page says why.
func TestWithdrawnAccessInABrowser(t *testing.T) {
	s := newFaultSite(t, 3)
	for i := range 3 {
		s.add(browserRecord(i)...)
	}
	s.sql("INSERT INTO pitwall_events (event_id, public) VALUES ('race', true)")
	tab := openTab(t, "http://"+s.start("--authz-mode=public").http+"/#race")
	see(tab, t, "the dots", "pitwall.connection === 'live' && pitwall.devices === 3")
	findDevice(tab, t, "d-0001")
	see(tab, t, "a card", "!document.getElementById('card').hidden")
	s.sql("UPDATE pitwall_events SET public = false")
	see(tab, t, "the end, and why", "pitwall.connection === 'refused' && "+messageJS+".includes('withdrawn')")
	see(tab, t, "no dot and no card", "pitwall.devices === 0 && document.getElementById('card').hidden && document.getElementById('n-stopped').textContent === '0'")
	s.sql("UPDATE pitwall_events SET public = true")
	// It asks again within a minute; a change of event asks at once.
	ask[string](tab, t, "(location.hash = 'nothing')")
	see(tab, t, "another event refused", "pitwall.connection === 'refused' && "+messageJS+".includes('not available')")
	ask[string](tab, t, "(location.hash = 'race')")
	see(tab, t, "the dots again", "pitwall.connection === 'live' && pitwall.devices === 3 && "+messageJS+" === ''")
}
