package live

import (
	"context"
	"testing"
	"time"
)

// drainSlowly starts a drain while a spectator reads nothing and its socket is
// full. sendCloseTime is how long the server waits for the socket.
func drainSlowly(t *testing.T, sendCloseTime time.Duration) (w *wire, drained chan error) {
	t.Helper()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight)
	r.srv.sendCloseTime = sendCloseTime
	f := r.flowOf("e", "", devices)
	w = r.slow("")
	w.subscribe("e")
	f.untilLagged(r.newest())
	drained = make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		drained <- r.srv.Drain(ctx, 0)
	}()
	return w, drained
}

// A spectator that reads again late is still told 1001: the wait for its socket
// is not the wait for its answer, which is shorter.
func TestDrainTellsASlowSpectator(t *testing.T) {
	t.Parallel()
	w, drained := drainSlowly(t, patience)
	select {
	case err := <-drained:
		t.Fatalf("the drain returned %v while a socket was full", err)
	case <-time.After(lingerTime + lingerTime/4):
	}
	w.hurry()
	w.closed(1001)
	_ = w.conn.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// A spectator that reads nothing does not hold the drain up: it is cut.
func TestDrainCutsWhoReadsNothing(t *testing.T) {
	t.Parallel()
	_, drained := drainSlowly(t, 10*time.Millisecond)
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
