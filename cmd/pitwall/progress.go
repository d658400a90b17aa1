package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// progressLine is one line of a terminal that is replaced while a command works.
type progressLine struct {
	mu       sync.Mutex // guards what follows, and is held while anything else is written
	terminal io.Writer  // nil: there is no terminal
	shown    bool
}

// show replaces the line.
func (l *progressLine) show(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.shown = true
	_, _ = io.WriteString(l.terminal, text) // nobody is left to tell
}

// hide erases the line.
func (l *progressLine) hide() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
}

// erase erases the line, if it is there. mu is held.
func (l *progressLine) erase() {
	if l.shown {
		l.shown = false
		_, _ = io.WriteString(l.terminal, "\r\x1b[K")
	}
}

// beside is a writer for the same terminal. What it writes takes the place of the line.
type beside struct {
	line *progressLine
	out  io.Writer
}

func (w beside) Write(b []byte) (int, error) {
	w.line.mu.Lock()
	defer w.line.mu.Unlock()
	w.line.erase()
	return w.out.Write(b)
}

// working tells that a command still works until done is called: on the terminal, every so
// often, in a line that stays up to date, otherwise in a line of the log each time.
func (l *progressLine) working(what string, every time.Duration, log *slog.Logger) (done func()) {
	if l.terminal == nil {
		return each(every, func(elapsed time.Duration) { log.Info("still working", "on", what, "for", elapsed) })
	}
	stop := each(every, func(elapsed time.Duration) { l.show(fmt.Sprintf("%s, %v", what, elapsed)) })
	return func() { stop(); l.hide() }
}

// working tells that a command still works, until done is called.
func working(what string) (done func()) {
	every := 10 * time.Second
	if line.terminal != nil {
		every = time.Second
	}
	return line.working(what, every, commandLogger("info"))
}

// each calls tell every so often, with the time since the beginning, until stop is called.
func each(every time.Duration, tell func(elapsed time.Duration)) (stop func()) {
	begun, end := time.Now(), make(chan struct{})
	var own sync.WaitGroup
	own.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case now := <-ticker.C:
				tell(now.Sub(begun).Round(every))
			}
		}
	})
	return func() { close(end); own.Wait() }
}
