package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// progress tells that a command still works: on a terminal in one line, which stays up to
// date, otherwise in a line of the log now and then.
type progress struct {
	what   string
	every  time.Duration
	line   io.Writer // the terminal; nil: log is used
	log    *slog.Logger
	result io.Writer // of the command

	mu    sync.Mutex // guards both writers and what follows
	shown bool       // the line is on the terminal
}

// working runs a command that may take long. It writes its result to out.
func working(what string, run func(out io.Writer) error) error {
	p := &progress{what: what, every: 10 * time.Second, log: logger(progressLog()), result: stdout}
	if p.line = progressLine(); p.line != nil {
		p.every = time.Second
	}
	return p.run(run)
}

func (p *progress) run(run func(out io.Writer) error) error {
	begun, end := time.Now(), make(chan struct{})
	var own sync.WaitGroup
	own.Go(func() {
		ticker := time.NewTicker(p.every)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case now := <-ticker.C:
				p.show(now.Sub(begun).Round(p.every))
			}
		}
	})
	defer func() {
		close(end)
		own.Wait()
		p.erase()
	}()
	return run(p)
}

func (p *progress) show(elapsed time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		p.log.Info("still working", "on", p.what, "for", elapsed)
		return
	}
	p.shown = true
	fmt.Fprintf(p.line, "\r\x1b[K%s, %v", p.what, elapsed)
}

// Write writes a part of the result, where the line was.
func (p *progress) Write(b []byte) (int, error) {
	p.erase()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.result.Write(b)
}

func (p *progress) erase() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		p.shown = false
		fmt.Fprint(p.line, "\r\x1b[K")
	}
}
