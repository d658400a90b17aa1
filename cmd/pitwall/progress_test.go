package main

import (
	"bytes"
	"errors"
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

// While a command works, a terminal shows one line, which is gone when the result comes; a
// log gets lines. The result and the error are those of the command.
func TestProgressOfLongCommands(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"terminal", true, `^(\r\x1b\[Kimporting, [0-9.]+m?s)+(\r\x1b\[K)+(importing, [0-9.]+m?s(\r\x1b\[K)+)*$`},
		{"log", false, `^(time=\S+ level=INFO msg="still working" on=importing for=[0-9.]+m?s\n)+$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, result := &shared{written: make(chan struct{}, 1)}, &bytes.Buffer{}
			p := &progress{what: "importing", every: time.Millisecond, log: slog.New(slog.NewTextHandler(out, nil)), result: result}
			if c.terminal {
				p.line = out
			}
			failed := errors.New("failed")
			err := p.run(func(w io.Writer) error {
				<-out.written
				<-out.written
				_, _ = io.WriteString(w, "12 rows\n")
				return failed
			})
			if !errors.Is(err, failed) || result.String() != "12 rows\n" {
				t.Errorf("error %v, result %q", err, result)
			}
			if !regexp.MustCompile(c.want).MatchString(out.String()) {
				t.Errorf("got %q, want %s", out, c.want)
			}
		})
	}
}
