package chaos

import (
	"sync"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

const (
	// silence is how long a spectator waits for a frame before it connects again. It
	// pings more often than that.
	silence  = 4 * time.Second
	pingTime = time.Second
)

// spectator watches the event, and connects again whenever its connection ends or falls
// silent.
type spectator struct {
	addr, extra string

	mu     sync.Mutex
	order  *e2etest.Order // of the present connection; nil between two
	broken []string       // rules that frames have broken
}

// watch starts a spectator, which ends with the test.
func watch(t *testing.T, addr, extra string) *spectator {
	t.Helper()
	s := &spectator{addr: addr, extra: extra}
	end := make(chan struct{})
	var run sync.WaitGroup
	run.Go(func() {
		for s.connect(end) {
		}
	})
	t.Cleanup(func() {
		close(end)
		run.Wait()
		for _, text := range s.broken {
			t.Errorf("a spectator: %s", text)
		}
	})
	return s
}

// connect keeps one connection until it ends, and returns whether to connect again.
func (s *spectator) connect(end <-chan struct{}) (again bool) {
	order, frames, ended := e2etest.NewOrder(), make(chan struct{}, 1), make(chan struct{})
	client, _, err := e2etest.Connect(s.addr, "", nil, func(f e2etest.Frame) {
		if f.Ended {
			close(ended)
			return
		}
		select {
		case frames <- struct{}{}:
		default:
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := order.Check(&f); err != nil && len(s.broken) < 5 {
			s.broken = append(s.broken, err.Error())
		}
	})
	pause := time.After(pingTime / 10)
	if err == nil {
		s.show(order)
		_ = client.Send(`{"type":"subscribe","id":"1","topic":"` + e2etest.Topic + `"` + s.extra + `}`)
		s.follow(client, frames, ended, end)
		client.Cut()
		s.show(nil)
	}
	select {
	case <-end:
		return false
	case <-pause:
		return true
	}
}

// show sets what the spectator sees: nothing, or what order has checked.
func (s *spectator) show(order *e2etest.Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = order
}

// follow pings until the connection ends, nothing has come for a while, or the test ends.
func (s *spectator) follow(client *e2etest.Client, frames, ended, end <-chan struct{}) {
	ping := time.NewTicker(pingTime)
	defer ping.Stop()
	silent := time.NewTimer(silence)
	defer silent.Stop()
	for {
		select {
		case <-frames:
			silent.Reset(silence)
		case <-ping.C:
			if client.Send(`{"type":"ping"}`) != nil {
				return
			}
		case <-silent.C:
			return
		case <-ended:
			return
		case <-end:
			return
		}
	}
}

// sees reports whether the spectator shows exactly the newest positions.
func (s *spectator) sees(newest map[string]int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order != nil && s.order.Differs(e2etest.Topic, newest) == 0
}

// away reports whether the spectator has no connection.
func (s *spectator) away() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order == nil
}
