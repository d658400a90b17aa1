package front

import (
	"os"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// TestWelcomeHidesTheHost: spectators get a name of the process, which is not that of the
// machine unless INSTANCE_ID says so.
func TestWelcomeHidesTheHost(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	instance := func(flags ...string) string {
		first := make(chan e2etest.Frame, 1)
		c, _, err := e2etest.Connect(e2etest.Start(t, flags...).HTTP, "", nil, func(f e2etest.Frame) {
			select {
			case first <- f:
			default:
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		welcome := <-first
		if welcome.Err != nil || welcome.Type != "welcome" {
			t.Fatalf("first frame %q, %v", welcome.Text, welcome.Err)
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
