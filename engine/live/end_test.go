package live

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// Run waits for a handshake that is under way when it ends: the client still gets
// its answer and a close frame.
func TestRunWaitsForHandshakes(t *testing.T) {
	r := start(t, nil)
	asked, answer := make(chan struct{}), make(chan struct{})
	r.rule.authenticate = func(*http.Request) (any, int) { close(asked); <-answer; return nil, 0 }
	w := r.dial(handshake)
	<-asked
	r.endLive()
	eventually(t, "Run to end, or to wait for the handshake", func() bool { return isClosed(r.liveDone) || runIsWaiting() })
	if isClosed(r.liveDone) {
		t.Error("Run has returned while a handshake is under way, want it to wait")
	}
	close(answer)
	w.awaitUpgrade()
	w.awaitClose(1001)
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

// runIsWaiting reports whether a goroutine is in Run, and waits for others.
func runIsWaiting() bool {
	all := make([]byte, 1<<20)
	for g := range strings.SplitSeq(string(all[:runtime.Stack(all, true)]), "\n\n") {
		if strings.Contains(g, "live.(*Server).Run(") && strings.Contains(g, "sync.(*WaitGroup).Wait(") {
			return true
		}
	}
	return false
}
