package ops

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/health"
)

func TestShutdownBeforeServe(t *testing.T) {
	s := New(Options{Addr: "127.0.0.1:0", Set: metrics.NewSet(), Logger: slog.New(slog.DiscardHandler)})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("still listening")
	}
	if err := s.Serve(); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

// TestShutdownEndsProfiles stops the server during a profile of a minute.
func TestShutdownEndsProfiles(t *testing.T) {
	s, wg := serve(t, Options{Addr: "127.0.0.1:0", Set: metrics.NewSet(), Logger: slog.New(slog.DiscardHandler)})
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /debug/pprof/trace?seconds=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	// The first bytes show that the trace is running.
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// TestShutdownIsBounded has a request that does not end by itself.
func TestShutdownIsBounded(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s, wg := serve(t, Options{Addr: "127.0.0.1:0", Set: metrics.NewSet(), Logger: slog.New(slog.DiscardHandler),
		Ready: func() (bool, string) { return true, "" },
		Parts: func() []health.Status { return nil },
		Extra: func(io.Writer) { close(entered); <-release }})
	wg.Go(func() {
		if res, err := http.Get("http://" + s.Addr() + "/metrics"); err == nil {
			res.Body.Close()
			t.Error("the hanging request was answered")
		}
	})
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v, want the deadline's error", err)
	}
	close(release)
	wg.Wait()
}
