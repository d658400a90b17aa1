package redis

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"pitwall/engine/internal/testenv"
)

// loading restarts a server that keeps loading its data until ready is called.
func loading(t *testing.T) (s *testenv.RedisServer, ready func()) {
	t.Helper()
	s = testenv.Redis(t, testenv.Args("--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024"))
	args := []string{"MSET"}
	for i := range 150 { // loading these takes 15 s
		args = append(args, "key"+strconv.Itoa(i), strings.Repeat("x", 2000))
	}
	s.Do(args...)
	s.Do("CONFIG", "SET", "rdbcompression", "no")
	s.Do("SAVE")
	s.Stop()
	var up sync.WaitGroup
	up.Go(s.Start)
	ready = sync.OnceFunc(func() {
		_, _ = s.Try("CONFIG", "SET", "key-load-delay", "0") // it may have loaded all by now
		up.Wait()
	})
	t.Cleanup(ready)
	testenv.Eventually(t, 20*time.Second, "the server to be loading", func() bool {
		_, err := s.Try("PING")
		return err != nil && strings.HasPrefix(err.Error(), "LOADING")
	})
	return s, ready
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), part)
}

// A client that was connected before a restart gets the error of a server that is
// loading its data. That must not count as a refusal, which fails readiness at once.
func TestLoadingIsNoRefusal(t *testing.T) {
	s := testenv.Redis(t)
	s.Do("SET", "plain", "x")
	c := open(t, s.URL())
	if _, err := c.Length(t.Context(), "plain"); !IsRefused(err) {
		t.Errorf("the length of a string: %v, want a refusal", err)
	}
	s, ready := loading(t)
	addr := s.Addr()
	options, err := clientOptions("redis://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	one, err := rueidis.NewClient(options)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	defer ready()
	err = one.Do(t.Context(), one.B().Arbitrary("XLEN", "s").Build()).Error()
	if !isLoading(err) || IsRefused(err) {
		t.Errorf("a command while the server loads: %v, want no refusal", err)
	}
}

func TestOpenWaitsWhileTheServerLoads(t *testing.T) {
	s, ready := loading(t)
	var log logBuffer
	opened := make(chan error, 1)
	go func() {
		c, err := Open(context.Background(), Options{URL: s.URL(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err == nil {
			_, err = c.Length(context.Background(), "s")
			c.Close()
		}
		opened <- err
	}()
	testenv.Eventually(t, 20*time.Second, "a line about the loading in the log", func() bool { return log.count("loading") > 0 })
	select {
	case err := <-opened:
		t.Errorf("open ended with %v while the server was loading", err)
		opened <- err
	default:
	}
	ready()
	if err := <-opened; err != nil {
		t.Errorf("open: %v", err)
	}
	if n := log.count("loading"); n != 1 {
		t.Errorf("%d lines about the loading, want 1", n)
	}
}

func TestOpenFailsAfterPatience(t *testing.T) {
	s, _ := loading(t)
	for _, tt := range []struct {
		name     string
		patience time.Duration
		cancel   bool // the context, as soon as Open waits
		want     error
	}{
		{"patience", 200 * time.Millisecond, false, context.DeadlineExceeded},
		{"context", time.Minute, true, context.Canceled},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		onLog := writerFunc(func() {
			if tt.cancel {
				cancel()
			}
		})
		c, err := Open(ctx, Options{URL: s.URL(), Patience: tt.patience, Logger: slog.New(slog.NewTextHandler(onLog, nil))})
		cancel()
		if err == nil {
			c.Close()
			t.Fatalf("%s: opened", tt.name)
		}
		if text := err.Error(); !errors.Is(err, tt.want) || !strings.Contains(text, "REDIS_URL") || !strings.Contains(text, "loading") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// writerFunc is called for each line of a log.
type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}
