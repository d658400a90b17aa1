package eventmap

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"pitwall/shard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// platform stands for the database on the other side of the room's own
// interfaces. The real ones are tested with the real databases where the
// engine is whole.
type platform struct {
	mu      sync.Mutex
	roster  shard.Roster
	err     error
	loads   []time.Time
	swapped []shard.Roster
	wake    chan struct{}
}

func (p *platform) LoadRoster(context.Context) (shard.Roster, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loads = append(p.loads, time.Now())
	return p.roster, p.err
}

func (p *platform) Swap(_ context.Context, r shard.Roster) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swapped = append(p.swapped, r)
	return nil
}

func (p *platform) Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error {
	for {
		select {
		case <-p.wake:
			fn(channels[0], "")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *platform) set(r shard.Roster, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roster, p.err = r, err
}

func (p *platform) counts() (loads, swaps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.loads), len(p.swapped)
}

// bench runs f with a Map that refreshes every 30 s, in a bubble of time.
func inBubble(t *testing.T, f func(t *testing.T, p *platform, m *Map, log *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &platform{wake: make(chan struct{})}
		m := New(Options{Source: p, Notifier: p, Target: p, Every: 30 * time.Second,
			Logger: slog.New(slog.NewTextHandler(&log, nil)), Metrics: metrics.NewSet()})
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if err := m.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		f(t, p, m, &log)
		stop()
		<-ended
	})
}

// pass lets the bubble's time go by.
func pass(d time.Duration) { <-time.After(d) }

func TestRefreshesOnTheInterval(t *testing.T) {
	inBubble(t, func(t *testing.T, p *platform, _ *Map, _ *bytes.Buffer) {
		pass(10 * time.Minute)
		synctest.Wait()
		if loads, _ := p.counts(); loads < 18 || loads > 22 {
			t.Errorf("%d refreshes in ten minutes, want about 20", loads)
		}
		for i := 1; i < len(p.loads); i++ {
			if d := p.loads[i].Sub(p.loads[i-1]); d < 27*time.Second || d > 34*time.Second {
				t.Errorf("refresh %d came after %v, want 30 s give or take a tenth", i, d)
			}
		}
	})
}

func TestRefreshesAtOnceOnNotificationAndTakesBurstsTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, p *platform, _ *Map, _ *bytes.Buffer) {
		p.wake <- struct{}{}
		synctest.Wait()
		if loads, _ := p.counts(); loads != 1 {
			t.Fatalf("%d refreshes at the notification, want 1", loads)
		}
		for range 100 {
			p.wake <- struct{}{}
		}
		pass(time.Second)
		synctest.Wait()
		if loads, _ := p.counts(); loads != 2 {
			t.Errorf("%d refreshes after a burst, want 2", loads)
		}
	})
}

func TestFailedRefreshKeepsTheMapAndIsLoggedOncePerInterval(t *testing.T) {
	inBubble(t, func(t *testing.T, p *platform, m *Map, log *bytes.Buffer) {
		p.set(shard.Roster{}, errors.New("no route to database"))
		for range 50 {
			p.wake <- struct{}{}
			pass(150 * time.Millisecond)
		}
		synctest.Wait()
		if _, swaps := p.counts(); swaps != 0 {
			t.Errorf("%d swaps although nothing could be read", swaps)
		}
		if n := strings.Count(log.String(), "could not be refreshed"); n != 1 {
			t.Errorf("%d lines in the log, want 1:\n%s", n, log)
		}
		if got := m.meters.failures.Get(); got != 50 {
			t.Errorf("%d failures counted, want 50", got)
		}
		p.set(shard.Roster{Pairs: []shard.Pair{{Device: "d", Event: "e"}, {Device: "d", Event: "f"}}}, nil)
		p.wake <- struct{}{}
		synctest.Wait()
		if _, swaps := p.counts(); swaps != 1 {
			t.Errorf("%d swaps after the recovery, want 1", swaps)
		}
		if got := m.meters.entries.Get(); got != 1 {
			t.Errorf("%v devices in the map, want 1", got)
		}
	})
}

func TestMapAge(t *testing.T) {
	inBubble(t, func(t *testing.T, p *platform, m *Map, _ *bytes.Buffer) {
		if got := m.meters.age(); got != -1 {
			t.Errorf("age before the first refresh is %v, want -1", got)
		}
		p.wake <- struct{}{}
		synctest.Wait()
		pass(5 * time.Second)
		if got := m.meters.age(); got != 5 {
			t.Errorf("age is %v, want 5", got)
		}
	})
}
