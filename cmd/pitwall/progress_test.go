package main

import (
	"bytes"
	"io"
	"log/slog"
	"regexp"
	"sync"
	"testing"
	"time"
)

// shared is a buffer for two goroutines. written receives after each write.
type shared struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{}
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.written <- struct{}{}:
	default:
	}
	return s.b.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// While a command works, a terminal shows one line, in whose place the result comes. A log
// gets lines.
func TestProgressOfLongCommands(t *testing.T) {
	const shown = `importing, [0-9.]+m?s\r\x1b\[K`
	for _, c := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"terminal", true, `^(` + shown + `)+12 rows\n(` + shown + `)*$`},
		{"log", false, `^(time=\S+ level=INFO msg="still working" on=importing for=[0-9.]+m?s\n)+12 rows\n(time=.*\n)*$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := &shared{written: make(chan struct{}, 1)}
			l := &progressLine{}
			if c.terminal {
				l.terminal = out
			}
			done := l.working("importing", time.Millisecond, slog.New(slog.NewTextHandler(out, nil)))
			<-out.written
			<-out.written
			_, _ = io.WriteString(beside{l, out}, "12 rows\n")
			done()
			if !regexp.MustCompile(c.want).MatchString(out.String()) {
				t.Errorf("got %q, want %s", out, c.want)
			}
		})
	}
}
