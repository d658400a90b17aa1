package live

import (
	"context"
	"testing"
	"time"
)

// drainSlowly starts a drain while a client reads nothing and its socket is full.
// sendCloseTime is how long the server waits for the socket.
func drainSlowly(t *testing.T, sendCloseTime time.Duration) (w *rawClient, drained chan error) {
	t.Helper()
	f, w, s := startSlow(t, encodings[0], raceRoster())
	r := f.r
	r.srv.sendCloseTime = sendCloseTime
	f.publishUntilLagged(s)
	drained = make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		drained <- r.srv.Drain(ctx, 0)
	}()
	return w, drained
}

// A slow client that reads late gets close code 1001: the server waits longer for
// its socket than for its answer.
func TestDrainTellsASlowClient(t *testing.T) {
	t.Parallel()
	w, drained := drainSlowly(t, patience)
	select {
	case err := <-drained:
		t.Fatalf("the drain returned %v while a socket was full, want it to wait", err)
	case <-time.After(lingerTime + lingerTime/4):
	}
	w.setReadDeadline()
	w.awaitClose(1001)
	_ = w.conn.Close()
	if err := <-drained; err != nil {
		t.Errorf("the drain returned %v, want no error", err)
	}
}

// A client that reads nothing does not delay the drain: it is cut.
func TestDrainCutsAClientThatReadsNothing(t *testing.T) {
	t.Parallel()
	_, drained := drainSlowly(t, 10*time.Millisecond)
	if err := <-drained; err != nil {
		t.Errorf("the drain returned %v, want no error", err)
	}
}
