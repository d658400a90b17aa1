package engine

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// serviceManager is the socket of a service manager, and what it was told.
type serviceManager struct {
	mu   sync.Mutex // guards told
	told []string
}

// newServiceManager names the manager in the environment.
func newServiceManager(t *testing.T, watchdog time.Duration) *serviceManager {
	t.Helper()
	name := fmt.Sprintf("@pitwall-engine-%d-%s", os.Getpid(), t.Name())
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint(watchdog.Microseconds()))
	m := &serviceManager{}
	var reader sync.WaitGroup
	reader.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.told = append(m.told, string(b[:n]))
			m.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		l.Close()
		reader.Wait()
	})
	return m
}

// served is an engine that has started, without its parts.
func served() *Engine {
	log := slog.New(slog.DiscardHandler)
	return &Engine{log: log, health: health.New(log), components: map[string]*component{}, failed: make(chan error, 1)}
}

// count returns how often the manager was told a line.
func (m *serviceManager) count(line string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, told := range m.told {
		if told == line {
			n++
		}
	}
	return n
}

// has reports whether a line begins so.
func (m *serviceManager) has(begin string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.told, func(line string) bool { return strings.HasPrefix(line, begin) })
}

// The watchdog hears nothing from a process whose shards hang, and hears of it again when
// they go on.
func TestTheWatchdogIsToldOnlyWhileTheShardsAnswer(t *testing.T) {
	m := newServiceManager(t, 200*time.Millisecond)
	core, err := shard.New(shard.Config{Shards: 2, Writers: 1, ClockChanged: func(shard.Clock) {}})
	if err != nil {
		t.Fatal(err)
	}
	e := served()
	e.core = core
	e.openManager()
	e.startNotify()
	t.Cleanup(func() {
		if err := e.closeManager(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})

	// Nobody runs the shards.
	testenv.Eventually(t, time.Minute, "the fault in the status", func() bool { return m.has("STATUS=failed: wait for the shards to answer") })
	if m.count("READY=1") != 1 || m.count("WATCHDOG=1") != 0 {
		t.Fatalf("told %q", m.told)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var shards sync.WaitGroup
	shards.Go(func() { _ = core.Run(ctx) })
	testenv.Eventually(t, time.Minute, "the watchdog to be told", func() bool { return m.count("WATCHDOG=1") > 1 && m.count("STATUS=serving") == 1 })

	// They hang again.
	cancel()
	shards.Wait()
	testenv.Eventually(t, time.Minute, "silence", func() bool {
		before := m.count("WATCHDOG=1")
		_, err := e.alive(t.Context(), 50*time.Millisecond)
		return err != nil && m.count("WATCHDOG=1") == before
	})

	// During the shutdown they have stopped, and that is no fault.
	before := m.count("WATCHDOG=1")
	e.setState(stateStopping)
	testenv.Eventually(t, time.Minute, "the watchdog to be told during the shutdown", func() bool { return m.count("WATCHDOG=1") > before })
}

// A fault of a server is shown, and does not make the watchdog end the process.
func TestTheWatchdogIsToldWhileRedisIsAway(t *testing.T) {
	m := newServiceManager(t, 100*time.Millisecond)
	e := served()
	e.openManager()
	check := e.health.Check("redis", 0)
	check.Fault(fmt.Errorf("connection\nrefused"))
	e.startNotify()
	t.Cleanup(func() { _ = e.closeManager(context.WithoutCancel(t.Context())) })
	testenv.Eventually(t, time.Minute, "status and watchdog", func() bool {
		return m.has("STATUS=not ready: redis: connection refused") && m.count("WATCHDOG=1") > 1
	})
	check.OK()
	testenv.Eventually(t, time.Minute, "the recovery", func() bool { return m.count("STATUS=serving") == 1 })
}

// What starts the process leaves it the time for its shutdown.
func TestTheShutdownFitsTheDeploymentFiles(t *testing.T) {
	e := served()
	for _, c := range []struct {
		file, pattern string
		drain, before time.Duration
	}{
		{"pitwall.service", `(?m)^TimeoutStopSec=(\d+)s$`, 3 * time.Second, 0},
		{"compose.yaml", `(?m)stop_grace_period: (\d+)s$`, 3 * time.Second, 0},
		{"kubernetes.yaml", `(?m)terminationGracePeriodSeconds: (\d+)$`, 15 * time.Second, 10 * time.Second},
	} {
		text, err := os.ReadFile("../cmd/pitwall/deploy/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(c.pattern).FindSubmatch(text)
		if m == nil {
			t.Errorf("%s leaves no time for the shutdown", c.file)
			continue
		}
		e.cfg.DrainMS = int(c.drain.Milliseconds())
		need := c.before
		for _, s := range e.stopSteps() {
			need += s.timeout
		}
		seconds, _ := strconv.Atoi(string(m[1]))
		if given := time.Duration(seconds) * time.Second; given < need {
			t.Errorf("%s gives the process %v to end, and it may take %v", c.file, given, need)
		}
	}
	text, err := os.ReadFile("../cmd/pitwall/deploy/kubernetes.yaml")
	if err != nil || !strings.Contains(string(text), `LIVE_DRAIN_MS: "15000"`) || !strings.Contains(string(text), "sleep: {seconds: 10}") {
		t.Errorf("kubernetes.yaml has another drain or sleep than this test: %v", err)
	}
}
