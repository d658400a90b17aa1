package live

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"pitwall/engine/internal/testenv"
)

func TestDrain(t *testing.T) {
	t.Parallel()
	devices := names(10)
	r := start(t, map[string][]string{"e": devices})
	var all []*spectator
	for n := range 40 {
		s := r.spectator(shapesOf[n%2].query)
		s.subscribe("e")
		all = append(all, s)
	}
	stop, flowing := make(chan struct{}), sync.WaitGroup{}
	flowing.Go(func() { // the stream does not stop for a drain
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
	flowing.Wait()
	for _, s := range all {
		s.closed(websocket.StatusGoingAway)
	}
	if n := r.srv.Connections(); n != 0 {
		t.Errorf("%d connections left", n)
	}
	if n := r.closes(1001); n != 40 {
		t.Errorf("%d closes with 1001 are counted, want 40", n)
	}
	if resp := r.open(handshake).response(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new one was answered with %s, want 503", resp.Status)
	}
	r.held(0)
}

// A drain over a long time closes a few at once; the others go on meanwhile.
func TestDrainIsSpread(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	var all []*spectator
	for range 40 {
		s := r.spectator("")
		s.subscribe("e")
		all = append(all, s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	drained := make(chan error, 1)
	go func() { drained <- r.srv.Drain(ctx, 24*time.Hour) }()
	r.gone(38) // a twentieth
	ts := r.publish("a")
	left := 0
	for _, s := range all {
		testenv.Eventually(t, patience, "the others to go on", func() bool { return s.ended() || s.at("e", "a") == ts })
		if !s.ended() {
			left++
		}
	}
	if left != 38 {
		t.Errorf("%d of 40 spectators are left behind the first wave, want 38", left)
	}
	cancel()
	if err := <-drained; err == nil || !strings.Contains(err.Error(), "38 left") {
		t.Errorf("a drain that was broken off returned %v", err)
	}
}

// Who was in the handshake when the drain began is let in and sent away.
func TestDrainDuringAHandshake(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	slowly := make(chan struct{})
	r.rule.who = func(*http.Request) (any, int) { <-slowly; return nil, 0 }
	w := r.open(handshake)
	r.gone(1)
	drained := make(chan error, 1)
	go func() { drained <- r.srv.Drain(context.Background(), 0) }()
	testenv.Eventually(t, patience, "the drain", r.srv.draining.Load)
	close(slowly)
	w.upgraded()
	w.closed(1001)
	_ = w.conn.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// Slow spectators do not hold a drain up, and the end of Run waits for those
// that were not drained.
func TestRunEndsWithSlowSpectators(t *testing.T) {
	for _, drain := range []bool{true, false} {
		t.Run(map[bool]string{true: "drained", false: "cut"}[drain], func(t *testing.T) {
			t.Parallel()
			devices := names(20)
			r := start(t, map[string][]string{"e": devices}, tight)
			f := r.flowOf("e", "", devices)
			var slow []*session
			for range 10 {
				w := r.slow("")
				w.subscribe("e")
				slow = append(slow, r.newest())
			}
			for _, s := range slow {
				f.untilLagged(s)
			}
			testenv.Eventually(t, patience, "them to be parked", func() bool { return r.srv.m.parked.Get() == 10 })
			if drain {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if err := r.srv.Drain(ctx, 50*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				f.honest.closed(websocket.StatusGoingAway)
			} else {
				_ = r.http.Close()
				r.stop()
			}
			if n := r.srv.m.parked.Get(); n != 0 {
				t.Errorf("%v sockets are waited for behind the end", n)
			}
			r.held(0)
		})
	}
}

// Run ends while clients connect, ask and vanish.
func TestRunEndsUnderLoad(t *testing.T) {
	t.Parallel()
	devices := names(10)
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
	testenv.Eventually(t, patience, "some to have come", func() bool { return r.srv.lastID.Load() > 50 })
	_ = r.http.Close() // as the engine does, before Run ends
	close(stop)
	r.stop()
	clients.Wait()
}
