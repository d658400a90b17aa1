package live

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// Many clients that reconnect within seconds to an event of many devices are served
// from shared snapshots: at most one per shard and window is built, nobody is
// refused, and live positions go on.
func TestManyReconnectAtOnce(t *testing.T) {
	const crowd, atOnce, window = 2000, 64, 50 * time.Millisecond
	devices := names(500)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) {
		su.shard.Window = window
		su.live.MaxConnections = 3 * crowd
	})
	r.publish(devices...)
	by := r.spectator("")
	by.subscribe("e")
	before, began := r.core.Stats(), time.Now()

	var clients sync.WaitGroup
	places := make(chan struct{}, atOnce)
	all := make([]*wire, crowd)
	refused := make(chan error, crowd)
	arrived := make(chan struct{})
	clients.Go(func() {
		defer close(arrived)
		var each sync.WaitGroup
		for n := range crowd {
			places <- struct{}{}
			each.Go(func() {
				defer func() { <-places }()
				w, err := r.join("e", 2)
				if err != nil {
					refused <- fmt.Errorf("spectator %d: %w", n, err)
				}
				all[n] = w
			})
		}
		each.Wait()
	})
	steps := 0
	for flowing := true; flowing; steps++ {
		select {
		case <-arrived:
			flowing = false
		default:
		}
		by.sees("e", devices[49], r.publish(devices[:50]...)) // the live flow goes on
	}
	clients.Wait()
	took, now := time.Since(began), r.core.Stats()
	close(refused)
	for err := range refused {
		t.Error(err)
	}
	if t.Failed() {
		return
	}
	built, most := now.Built-before.Built, uint64(2*(int(took/window)+2))
	t.Logf("%d spectators in %v, %d steps of live flow, %d bodies built (at most %d may be), %d flushes", crowd, took, steps, built, most, now.Flushes-before.Flushes)
	if built > most {
		t.Errorf("%d snapshot bodies were built within %d windows of 2 shards", built, most/2)
	}
	if n := r.srv.Connections(); n != crowd+1 {
		t.Errorf("%d connections, want %d", n, crowd+1)
	}
	last := r.publish(devices[7])
	for _, w := range all[:20] {
		w.readUntil("the newest", func() bool { return w.screen.at("e", devices[7]) == last })
	}
	testenv.Eventually(t, patience, "the honest spectator", func() bool { return by.at("e", devices[7]) == last })
}
