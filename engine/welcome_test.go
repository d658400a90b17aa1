package engine

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestWelcomeKeepsTheHost: spectators are told a name for the process, and not
// that of the machine unless somebody has called the process so.
func TestWelcomeKeepsTheHost(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	instance := func(flags ...string) string {
		s := running(t, flags...)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ws, _, err := websocket.Dial(ctx, "ws://"+s.engine.HTTPAddr()+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		_, data, err := ws.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var welcome struct{ Type, Instance string }
		if err := json.Unmarshal(data, &welcome); err != nil || welcome.Type != "welcome" {
			t.Fatalf("first frame %q, %v", data, err)
		}
		return welcome.Instance
	}
	if got := instance(); len(got) != 8 || strings.Contains(got, host) {
		t.Errorf("a process without a name is called %q, want eight random characters", got)
	}
	if got := instance("--instance-id=" + host + "-stage"); got != host+"-stage" {
		t.Errorf("a process with a name is called %q", got)
	}
}
