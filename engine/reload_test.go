package engine_test

import (
	"net/http"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// Limits and origins change while the engine runs. Connections that are open stay. A
// setting that needs a restart is named, and an invalid one changes nothing.
func TestReloadOfLimitsAndOrigins(t *testing.T) {
	e := e2etest.Start(t, "--live-max-connections=1")
	reload := func(change func()) error {
		t.Helper()
		change()
		return e.Engine.Reload(e.Config)
	}
	connect := func(want int, header http.Header) *e2etest.Client {
		t.Helper()
		c, status, err := e2etest.Connect(e.HTTP, "", header, nil)
		if status != want {
			t.Fatalf("status %d (%v), want %d", status, err, want)
		}
		if c != nil {
			t.Cleanup(c.Close)
		}
		return c
	}
	first := connect(http.StatusSwitchingProtocols, nil)
	connect(http.StatusTooManyRequests, nil)
	if err := reload(func() { e.Config.MaxConnections, e.Config.MaxSubscriptions = 3, 1 }); err != nil {
		t.Fatal(err)
	}
	connect(http.StatusSwitchingProtocols, nil)

	foreign := http.Header{"Origin": {"https://map.example"}}
	connect(http.StatusForbidden, foreign)
	if err := reload(func() { e.Config.AllowedOrigins = append(e.Config.AllowedOrigins, "https://map.example") }); err != nil {
		t.Fatal(err)
	}
	connect(http.StatusSwitchingProtocols, foreign)

	if err := reload(func() { e.Config.MaxConnections = 0 }); err == nil {
		t.Error("a limit of 0 connections was accepted")
	}
	if err := reload(func() { e.Config.MaxConnections, e.Config.Shards = 1, e.Config.Shards+1 }); err != nil {
		t.Fatal(err)
	}
	connect(http.StatusTooManyRequests, nil)
	if err := first.Send(`{"type":"ping"}`); err != nil {
		t.Errorf("a connection that was open: %v", err)
	}
	named := e.Log.Find("settings have changed that need a restart; the old values stay in force")
	if len(named) != 1 || !strings.Contains(named[0].Attrs["settings"], "LIVE_SHARDS") || strings.Contains(named[0].Attrs["settings"], "CONNECTIONS") {
		t.Errorf("the log names %v, want LIVE_SHARDS alone", named)
	}
}
