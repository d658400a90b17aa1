package live

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A drain closes all connections with 1001, also while positions are published.
func TestDrain(t *testing.T) {
	t.Parallel()
	devices := deviceNames(10)
	r := start(t, map[string][]string{"e": devices})
	r.srv.sendCloseTime = patience // a busy machine may need it
	var all []*spectator
	for n := range 40 {
		all = append(all, r.watch(encodings[n%2].query, "e"))
	}
	stop, publisher := make(chan struct{}), sync.WaitGroup{}
	publisher.Go(func() {
		pace := time.NewTicker(30 * time.Millisecond)
		defer pace.Stop()
		for {
			select {
			case <-stop:
				return
			case <-pace.C:
				r.publish(devices...)
			}
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.srv.Drain(ctx, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	close(stop)
	publisher.Wait()
	returns := map[int64]bool{}
	for _, s := range all {
		s.awaitClose(websocket.StatusGoingAway)
		last := s.last()
		if last.Type != "drain" || last.RetryAfterMs == nil || *last.RetryAfterMs < 0 || *last.RetryAfterMs >= minReturn {
			t.Fatalf("the last frame is %+v, want a drain with a time below %d ms", last, minReturn)
		}
		returns[*last.RetryAfterMs] = true
	}
	if len(returns) != len(all) {
		t.Errorf("%d clients are asked to come back at %d times, want each at its own", len(all), len(returns))
	}
	if n := r.srv.Connections(); n != 0 {
		t.Errorf("%d connections are left, want 0", n)
	}
	if n := r.closeCount(1001); n != 40 {
		t.Errorf("%d connections are counted as closed with 1001, want 40", n)
	}
	if resp := r.dial(handshake).readResponse(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new connection was answered with %s, want 503", resp.Status)
	}
	r.awaitHeldBytes(0)
}

// A drain over a long time closes a few connections at a time. The others go on.
func TestDrainIsSpread(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	var all []*spectator
	for range 40 {
		all = append(all, r.watch("", "e"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	drained := make(chan error, 1)
	go func() { drained <- r.srv.Drain(ctx, 24*time.Hour) }()
	r.awaitConnections(38) // a twentieth has been closed
	ts := r.publish("a")
	open := 0
	for _, s := range all {
		eventually(t, "the others to go on", func() bool { return s.ended() || s.shownTS("e", "a") == ts })
		if !s.ended() {
			open++
		}
	}
	if open != 38 {
		t.Errorf("%d of 40 spectators are connected after the first wave, want 38", open)
	}
	cancel()
	if err := <-drained; err == nil || !strings.Contains(err.Error(), "38 left") {
		t.Errorf("a cancelled drain returned %v, want an error with 38 left", err)
	}
}

// A client whose handshake is under way when a drain begins is let in, and closed
// with 1001.
func TestDrainDuringAHandshake(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	answer := make(chan struct{})
	r.rule.authenticate = func(*http.Request) (any, int) { <-answer; return nil, 0 }
	w := r.dial(handshake)
	r.awaitConnections(1)
	drained := make(chan error, 1)
	go func() { drained <- r.srv.Drain(context.Background(), 0) }()
	eventually(t, "the drain to begin", r.srv.draining.Load)
	close(answer)
	w.awaitUpgrade()
	w.awaitClose(1001)
	_ = w.conn.Close()
	if err := <-drained; err != nil {
		t.Errorf("the drain returned %v, want no error", err)
	}
}

// Slow clients do not delay a drain, and Run cuts those that were not drained.
func TestRunEndsWithSlowClients(t *testing.T) {
	for _, drain := range []bool{true, false} {
		t.Run(map[bool]string{true: "drained", false: "cut"}[drain], func(t *testing.T) {
			t.Parallel()
			devices := deviceNames(20)
			r := start(t, map[string][]string{"e": devices}, smallBuffers)
			f := r.newFeed("e", "", devices)
			var slow []*session
			for range 10 {
				w := r.slowClient("")
				w.subscribe("e")
				slow = append(slow, r.newestSession())
			}
			for _, s := range slow {
				f.publishUntilLagged(s)
			}
			eventually(t, "the slow sessions to be parked", func() bool { return r.srv.m.parked.Get() == 10 })
			if drain {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if err := r.srv.Drain(ctx, 50*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				f.fast.awaitClose(websocket.StatusGoingAway)
			} else {
				_ = r.http.Close()
				r.stop()
			}
			if n := r.srv.m.parked.Get(); n != 0 {
				t.Errorf("%v sessions are parked after the end, want 0", n)
			}
			r.awaitHeldBytes(0)
		})
	}
}

// Run ends while clients connect, send requests and vanish.
func TestRunEndsUnderLoad(t *testing.T) {
	t.Parallel()
	devices := deviceNames(10)
	r := start(t, map[string][]string{"e": devices})
	stop, clients := make(chan struct{}), sync.WaitGroup{}
	for n := range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				if ws, _, err := websocket.Dial(ctx, "ws://"+r.addr+"/live", nil); err == nil {
					_ = ws.Write(ctx, websocket.MessageText, []byte(`{"type":"subscribe","topic":"event:e"}`))
					for range n {
						_, _, _ = ws.Read(ctx)
					}
					_ = ws.CloseNow()
				}
				cancel()
			}
		})
	}
	for range 200 {
		r.publish(devices...)
	}
	eventually(t, "50 connections", func() bool { return r.srv.lastID.Load() > 50 })
	_ = r.http.Close() // as the engine does, before Run ends
	close(stop)
	r.stop()
	clients.Wait()
}
