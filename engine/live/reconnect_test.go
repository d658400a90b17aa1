package live

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Many clients that reconnect at once to an event of many devices share their
// snapshots: at most one per shard and window is built. Nobody is refused, and live
// positions go on.
func TestManyReconnectAtOnce(t *testing.T) {
	const count, atOnce, window = 1000, 64, 50 * time.Millisecond
	devices := deviceNames(500)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) {
		su.shard.Window = window
		su.live.MaxConnections = 3 * count
	})
	r.publish(devices...)
	other := r.watch("", "e")
	before, began := r.core.Stats(), time.Now()

	var clients sync.WaitGroup
	places := make(chan struct{}, atOnce)
	all := make([]*rawClient, count)
	failed := make(chan error, count)
	connected := make(chan struct{})
	clients.Go(func() {
		defer close(connected)
		var each sync.WaitGroup
		for n := range count {
			places <- struct{}{}
			each.Go(func() {
				defer func() { <-places }()
				w, err := r.join("e", 2)
				if err != nil {
					failed <- fmt.Errorf("client %d: %w", n, err)
				}
				all[n] = w
			})
		}
		each.Wait()
	})
	steps := 0
	for connecting := true; connecting; steps++ {
		select {
		case <-connected:
			connecting = false
		default:
		}
		other.awaitPosition("e", devices[49], r.publish(devices[:50]...))
	}
	clients.Wait()
	took, now := time.Since(began), r.core.Stats()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	if t.Failed() {
		return
	}
	built, most := now.Built-before.Built, uint64(2*(int(took/window)+2))
	t.Logf("%d clients in %v, %d live positions, %d snapshots built, %d flushes", count, took, 50*steps, built, now.Flushes-before.Flushes)
	if built > most {
		t.Errorf("%d snapshots were built in %v, want %d at most", built, took, most)
	}
	if n := r.srv.Connections(); n != count+1 {
		t.Errorf("%d connections, want %d", n, count+1)
	}
	last := r.publish(devices[7])
	for _, w := range all[:20] {
		w.readUntil("the newest position", func() bool { return w.screen.shownTS("e", devices[7]) == last })
	}
	other.awaitPosition("e", devices[7], last)
}
