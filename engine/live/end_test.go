package live

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"pitwall/engine/internal/testenv"
)

// Run waits for a handshake that is under way when it ends: its client is still
// answered and sent away, by writers that run.
func TestRunWaitsForHandshakes(t *testing.T) {
	r := start(t, nil)
	asked, slowly := make(chan struct{}), make(chan struct{})
	r.rule.who = func(*http.Request) (any, int) { close(asked); <-slowly; return nil, 0 }
	w := r.open(handshake)
	<-asked
	r.endLive()
	testenv.Eventually(t, patience, "Run to have ended or to wait", func() bool { return isClosed(r.liveDone) || runWaits() })
	if isClosed(r.liveDone) {
		t.Error("Run has returned while a handshake is under way")
	}
	close(slowly)
	w.upgraded()
	w.closed(1001)
	_ = w.conn.Close()
	<-r.liveDone
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// runWaits reports whether a goroutine that is in Run waits for others.
func runWaits() bool {
	all := make([]byte, 1<<20)
	for g := range strings.SplitSeq(string(all[:runtime.Stack(all, true)]), "\n\n") {
		if strings.Contains(g, "live.(*Server).Run(") && strings.Contains(g, "sync.(*WaitGroup).Wait(") {
			return true
		}
	}
	return false
}
