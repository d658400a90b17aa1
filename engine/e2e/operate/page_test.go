package operate

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/e2etest/chromium"
)

// The page of the private listener shows what status does and updates itself. Its policy
// allows nothing from elsewhere.
func TestPage(t *testing.T) {
	s := e2etest.NewStack(t, 2)
	e := s.Start()
	res, err := e2etest.HTTP.Get("http://" + e.Ops + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	policy := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Count(policy, "'sha256-") != 2 {
		t.Errorf("policy %q", policy)
	}
	tab := chromium.Open(t, "http://"+e.Ops+"/")
	const text = "document.body.innerText"
	tab.See("readiness", "document.getElementById('state').textContent === 'Ready'")
	tab.See("the style", "getComputedStyle(document.getElementById('state')).fontWeight === '600'")
	tab.See("the parts", text+".includes('archive telemetry:t') && "+text+".includes('lag, live of telemetry:t')")
	c, _, err := e2etest.Connect(e.HTTP, "", http.Header{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(`{"type":"subscribe","topic":"event:race"}`); err != nil {
		t.Fatal(err)
	}
	s.Add("device_id", "lost", "ts", strconv.FormatInt(time.Now().UnixMilli(), 10), "lat", "47.5", "lon", "8.25")
	tab.See("the device in no event", "document.getElementById('orphans').innerText.includes('47.500000, 8.250000')")
	tab.See("no slow connection", "document.getElementById('slowest').innerText === 'none'")
	tab.See("the new spectator", "document.getElementById('topics').innerText.includes('event:race')")
	s.Redis.Stop()
	tab.See("the fault", "document.getElementById('state').textContent === 'Ready, with faults' && "+text+".includes('connection refused')")
	s.Redis.Start()
	tab.See("the recovery", "document.getElementById('state').textContent === 'Ready'")
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	tab.See("that nothing answers", "document.getElementById('state').textContent.startsWith('No answer')")
}
