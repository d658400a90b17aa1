package ops

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// However often clients ask, the engine is asked at most twice a second.
func TestStatusAsksTheEngineRarely(t *testing.T) {
	var asked atomic.Int64
	s := start(t, Options{Instance: func() string { return "one" }, Parts: twoParts, Activity: func() Activity {
		asked.Add(1)
		return Activity{Connections: 7}
	}})
	for range 20 {
		status, contentType, body := get(t, s, "/status", "")
		if status != http.StatusOK || contentType != "application/json" || !strings.Contains(body, `"instance":"one"`) ||
			!strings.Contains(body, `"connections":7`) || !strings.Contains(body, `"part":"archive t","state":"failed"`) {
			t.Fatalf("%d %s %s", status, contentType, body)
		}
	}
	if n := asked.Load(); n > 5 {
		t.Errorf("the engine was asked %d times by 20 requests", n)
	}
}

// A device is looked up by one request at a time, and not at all for a bad id.
func TestDevice(t *testing.T) {
	var under, most atomic.Int64
	s := start(t, Options{Device: func(_ context.Context, id string) (Device, error) {
		most.Store(max(most.Load(), under.Add(1)))
		defer under.Add(-1)
		if id == "bad" {
			return Device{}, errors.New("two\nlines")
		}
		return Device{ID: id}, nil
	}})
	for path, want := range map[string]int{
		"/device?id=a%2Fb": http.StatusOK, "/device": http.StatusBadRequest, "/device?id=bad": http.StatusServiceUnavailable,
		"/device?id=" + strings.Repeat("x", maxDeviceID+1): http.StatusBadRequest,
	} {
		if status, _, body := get(t, s, path, ""); status != want || status == http.StatusOK && !strings.Contains(body, `"id":"a/b"`) {
			t.Errorf("%.30s: %d %s, want %d", path, status, body, want)
		}
	}
	done := make(chan int, 20)
	for range cap(done) {
		go func() { status, _, _ := get(t, s, "/device?id=x", ""); done <- status }()
	}
	for range cap(done) {
		if status := <-done; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if n := most.Load(); n != 1 {
		t.Errorf("%d requests looked at the engine at the same time", n)
	}
}

// The status and devices need the token.
func TestStatusAndDeviceNeedTheToken(t *testing.T) {
	s := start(t, Options{Token: "hush", Device: func(context.Context, string) (Device, error) { return Device{}, nil }})
	for _, path := range []string{"/status", "/device?id=x"} {
		if status, _, _ := get(t, s, path, ""); status != http.StatusUnauthorized {
			t.Errorf("%s without the token: %d", path, status)
		}
	}
}
