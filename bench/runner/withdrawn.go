package runner

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"pitwall/bench/internal/subscriber"
)

// withdrawnWithin is the longest wait until a spectator whose access was withdrawn can
// no longer watch.
const withdrawnWithin = 45 * time.Second

// withdrawn is a spectator that may watch until the platform withdraws its access. Its
// goroutine reads and reports when access ended.
type withdrawn struct {
	ws    *websocket.Conn
	ended chan time.Time // receives when access ended; closed without a value if the connection failed
	fault error          // why it failed; to be read after ended is closed
}

// watch connects with a token and subscribes. It returns once the subscription is
// confirmed.
func watch(ctx context.Context, url, token, event string) (*withdrawn, error) {
	limited, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	ws, err := subscriber.Subscribe(limited, url, event, 0, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		return nil, err
	}
	w := &withdrawn{ws: ws, ended: make(chan time.Time, 1)}
	for watching := false; err == nil && !watching; {
		var frame []byte
		if _, frame, err = ws.Read(limited); err == nil && bytes.Contains(frame, []byte(`"type":"error"`)) {
			err = fmt.Errorf("answered with %s", frame)
		}
		watching = bytes.Contains(frame, []byte(`"type":"subscribed"`))
	}
	if err != nil {
		_ = ws.CloseNow()
		return nil, fmt.Errorf("subscribe the spectator whose access is to be withdrawn: %w", err)
	}
	go w.read(ctx)
	return w, nil
}

// read reads until access has ended, with an error frame or the end of the session.
func (w *withdrawn) read(ctx context.Context) {
	defer close(w.ended)
	for {
		_, frame, err := w.ws.Read(ctx)
		switch {
		case websocket.CloseStatus(err) == 4401, err == nil && bytes.Contains(frame, []byte(`"type":"error"`)):
			w.ended <- time.Now()
			return
		case err != nil:
			w.fault = fmt.Errorf("the spectator whose access is to be withdrawn has lost the connection: %w", err)
			return
		}
	}
}

// watchedOn waits until access has ended, and returns the time from since until then. If
// access does not end in time, it returns the time so far.
func (w *withdrawn) watchedOn(ctx context.Context, since time.Time) (time.Duration, error) {
	limit := time.NewTimer(time.Until(since.Add(withdrawnWithin)))
	defer limit.Stop()
	select {
	case at, ok := <-w.ended:
		if !ok {
			return 0, w.fault
		}
		return at.Sub(since), nil
	case <-limit.C:
		return time.Since(since), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// close closes the connection and waits for the reader.
func (w *withdrawn) close() {
	_ = w.ws.CloseNow()
	for range w.ended {
	}
}
