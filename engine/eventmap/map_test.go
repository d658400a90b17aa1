package eventmap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// fakeDatabase implements Source, Target and Notifier for tests with synthetic
// time. postgres_test.go uses a real database.
type fakeDatabase struct {
	mu      sync.Mutex
	roster  shard.Roster
	err     error
	takes   time.Duration // to load the roster
	loads   []time.Time
	swapped []shard.Roster
	wake    chan struct{}
}

func (p *fakeDatabase) LoadRoster(context.Context) (shard.Roster, error) {
	p.mu.Lock()
	p.loads = append(p.loads, time.Now())
	r, err, takes := p.roster, p.err, p.takes
	p.mu.Unlock()
	advance(takes)
	return r, err
}

func (p *fakeDatabase) Swap(_ context.Context, r shard.Roster) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swapped = append(p.swapped, r)
	return nil
}

func (p *fakeDatabase) Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error {
	for {
		select {
		case <-p.wake:
			fn(channels[0], "")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *fakeDatabase) set(r shard.Roster, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roster, p.err = r, err
}

func (p *fakeDatabase) counts() (loads, swaps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.loads), len(p.swapped)
}

// begun returns when each refresh began.
func (p *fakeDatabase) begun() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.loads)
}

// inBubble runs f with a Map that refreshes every 30 s, in a synctest bubble.
func inBubble(t *testing.T, f func(t *testing.T, p *fakeDatabase, m *Map, log *bytes.Buffer)) {
	inBubbleEvery(t, 30*time.Second, f)
}

func inBubbleEvery(t *testing.T, every time.Duration, f func(t *testing.T, p *fakeDatabase, m *Map, log *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &fakeDatabase{wake: make(chan struct{})}
		m := New(Options{Source: p, Notifier: p, Target: p, Every: every,
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

// advance lets the synthetic time of the bubble pass.
func advance(d time.Duration) { <-time.After(d) }

func TestRefreshesOnTheInterval(t *testing.T) {
	inBubble(t, func(t *testing.T, p *fakeDatabase, _ *Map, _ *bytes.Buffer) {
		advance(10 * time.Minute)
		synctest.Wait()
		if loads, _ := p.counts(); loads < 18 || loads > 22 {
			t.Errorf("%d refreshes in ten minutes, want about 20", loads)
		}
		for i := 1; i < len(p.loads); i++ {
			if d := p.loads[i].Sub(p.loads[i-1]); d < 27*time.Second || d > 34*time.Second {
				t.Errorf("refresh %d came after %v, want 30 s plus or minus a tenth", i, d)
			}
		}
	})
}

// The pause after failures grows, but never beyond the interval.
func TestBackOffIsBoundedByTheInterval(t *testing.T) {
	const every = time.Second // less than the longest back-off
	inBubbleEvery(t, every, func(t *testing.T, p *fakeDatabase, _ *Map, _ *bytes.Buffer) {
		p.set(shard.Roster{}, errors.New("unreachable"))
		advance(time.Minute)
		synctest.Wait()
		for i := 1; i < len(p.loads); i++ {
			if d := p.loads[i].Sub(p.loads[i-1]); d > every+every/10 {
				t.Fatalf("refresh %d came after %v, want at most %v and a tenth", i, d, every)
			}
		}
		if loads, _ := p.counts(); loads < 50 {
			t.Errorf("%d refreshes in a minute, want about 60", loads)
		}
	})
}

func TestNotificationsRefreshAtOnceAndBurstsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, p *fakeDatabase, _ *Map, _ *bytes.Buffer) {
		p.wake <- struct{}{}
		synctest.Wait()
		if loads, _ := p.counts(); loads != 1 {
			t.Fatalf("%d refreshes at the notification, want 1", loads)
		}
		for range 100 {
			p.wake <- struct{}{}
		}
		advance(time.Second)
		synctest.Wait()
		if loads, _ := p.counts(); loads != 2 {
			t.Errorf("%d refreshes after a burst, want 2", loads)
		}
	})
}

// With frequent changes, the gap between refreshes grows with their duration, up to
// a bound. The first change after a quiet time is seen at once.
func TestRefreshesTakeAtMostATenthOfTheTime(t *testing.T) {
	for _, tt := range []struct{ every, takes, gap time.Duration }{
		{time.Hour, 0, minGap},
		{time.Hour, 10 * time.Millisecond, minGap},
		{time.Hour, 200 * time.Millisecond, 1800 * time.Millisecond},
		{time.Hour, 3 * time.Second, maxGap},
		{5 * time.Second, 3 * time.Second, 5 * time.Second}, // never longer than the interval
	} {
		t.Run(fmt.Sprint(tt.takes, " every ", tt.every), func(t *testing.T) {
			inBubbleEvery(t, tt.every, func(t *testing.T, p *fakeDatabase, _ *Map, _ *bytes.Buffer) {
				p.takes = tt.takes
				start := time.Now()
				for time.Since(start) < time.Minute {
					p.wake <- struct{}{}
					advance(time.Millisecond)
				}
				loads := p.begun()
				for i := 1; i < len(loads); i++ {
					if d := loads[i].Sub(loads[i-1]) - tt.takes; d < tt.gap || d > tt.gap+time.Millisecond {
						t.Fatalf("refresh %d began %v after the end of the one before, want %v", i, d, tt.gap)
					}
				}
				if tt.every < time.Hour {
					return // the interval is too short for a quiet time
				}
				advance(3 * maxGap)
				p.wake <- struct{}{}
				synctest.Wait()
				if last := slices.MaxFunc(p.begun(), time.Time.Compare); !last.Equal(time.Now()) {
					t.Errorf("the last refresh began %v before the change, want at the change", time.Since(last))
				}
			})
		})
	}
}

func TestFailedRefreshKeepsTheMapAndIsLoggedOncePerInterval(t *testing.T) {
	inBubble(t, func(t *testing.T, p *fakeDatabase, m *Map, log *bytes.Buffer) {
		p.set(shard.Roster{}, errors.New("no route to database"))
		for range 50 {
			p.wake <- struct{}{}
			advance(150 * time.Millisecond)
		}
		synctest.Wait()
		if _, swaps := p.counts(); swaps != 0 {
			t.Errorf("%d swaps although the roster could not be read", swaps)
		}
		if n := strings.Count(log.String(), "could not be refreshed"); n != 1 {
			t.Errorf("%d lines in the log, want 1:\n%s", n, log)
		}
		loads, _ := p.counts()
		if got := m.meters.failures.Get(); got != uint64(loads) || got < 50 {
			t.Errorf("%d failures counted in %d attempts, want all of them, and at least 50", got, loads)
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

// After a failure the refresh is retried soon, then less and less often. The
// delays are random, so that the processes do not all retry at the same moment.
func TestFailedRefreshesBackOff(t *testing.T) {
	inBubble(t, func(t *testing.T, p *fakeDatabase, _ *Map, _ *bytes.Buffer) {
		p.set(shard.Roster{}, errors.New("no route to database"))
		p.wake <- struct{}{}
		advance(2 * time.Minute)
		synctest.Wait()
		var waits []time.Duration
		for i := 1; i < len(p.loads); i++ {
			waits = append(waits, p.loads[i].Sub(p.loads[i-1]))
		}
		if len(waits) < 20 || waits[0] > 200*time.Millisecond {
			t.Fatalf("waits of %v, want at least 20, the first of them short", waits)
		}
		different := map[time.Duration]bool{}
		late := waits[10:]
		for _, d := range late {
			different[d] = true
			if d < pace.LastDelay/2 || d > pace.LastDelay {
				t.Errorf("a late attempt after %v, want %v to %v", d, pace.LastDelay/2, pace.LastDelay)
			}
		}
		if len(different) < len(late)/2 {
			t.Errorf("late attempts after %v: the delays are not random", late)
		}
		p.set(shard.Roster{}, nil)
		advance(2 * pace.LastDelay)
		synctest.Wait()
		before, swaps := p.counts()
		if swaps != 1 {
			t.Fatalf("%d swaps after the recovery, want 1", swaps)
		}
		advance(15 * time.Second)
		synctest.Wait()
		if loads, _ := p.counts(); loads != before {
			t.Errorf("%d refreshes within 15 s of one that succeeded", loads-before)
		}
	})
}

func TestMapAge(t *testing.T) {
	inBubble(t, func(t *testing.T, p *fakeDatabase, m *Map, _ *bytes.Buffer) {
		if got := m.meters.age(); got != -1 {
			t.Errorf("age before the first refresh is %v, want -1", got)
		}
		p.wake <- struct{}{}
		synctest.Wait()
		advance(5 * time.Second)
		if got := m.meters.age(); got != 5 {
			t.Errorf("age is %v, want 5", got)
		}
	})
}

// An event without a valid id is left out, counted and logged once. It does not
// affect the other events.
func TestEventsWithInvalidIDsAreLeftOut(t *testing.T) {
	inBubble(t, func(t *testing.T, p *fakeDatabase, m *Map, log *bytes.Buffer) {
		good := shard.Roster{Events: []string{"e"}, Pairs: []shard.Pair{{Device: "d", Event: "e"}}}
		p.set(shard.Roster{Events: []string{"", "e", "\xff"}, Pairs: []shard.Pair{{Device: "d"}, {Device: "d", Event: "e"}}}, nil)
		for range 3 {
			p.wake <- struct{}{}
			advance(time.Second)
			// The source reads it again each time.
			p.set(shard.Roster{Events: []string{"", "e", "\xff"}, Pairs: []shard.Pair{{Device: "d"}, {Device: "d", Event: "e"}}}, nil)
		}
		synctest.Wait()
		if len(p.swapped) != 3 || !reflect.DeepEqual(p.swapped[2], good) {
			t.Errorf("%d rosters were swapped in, %+v; want 3, the last of them %+v", len(p.swapped), p.swapped, good)
		}
		if got := m.meters.leftOut.Get(); got != 3 {
			t.Errorf("%v rows are counted, want 3", got)
		}
		if n := strings.Count(log.String(), "left out"); n != 1 {
			t.Errorf("%d lines in the log, want 1:\n%s", n, log)
		}
		p.set(good, nil)
		p.wake <- struct{}{}
		synctest.Wait()
		if got := m.meters.leftOut.Get(); got != 0 || strings.Count(log.String(), "again") != 1 {
			t.Errorf("%v rows are counted after the repair, want 0, and one line:\n%s", got, log)
		}
	})
}
