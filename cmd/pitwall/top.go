package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"pitwall/engine/admin/monitor"
)

type topCmd struct {
	monitor.Target
	Interval time.Duration `name:"interval" default:"1s" help:"Time between two looks, 100ms or more."`
	Once     bool          `name:"once" help:"Print one table and end, as without a terminal."`
}

// Validate checks the interval. kong calls it.
func (c *topCmd) Validate() error {
	if c.Interval < 100*time.Millisecond {
		return fmt.Errorf("--interval is %v, allowed is 100ms or more", c.Interval)
	}
	return nil
}

// Run shows what a running process does until q, Ctrl-C, SIGINT or SIGTERM.
func (c *topCmd) Run(ctx context.Context) (err error) {
	if c.Once || !onTerminal() {
		return monitor.Top(ctx, c.Target, stdout)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		before, err := term.MakeRaw(in)
		if err != nil {
			return fmt.Errorf("prepare the terminal: %w", err)
		}
		defer func() { err = errors.Join(err, term.Restore(in, before)) }()
		go awaitQuit(os.Stdin, stop) // ends with the process
	}
	size := func() (columns, rows int) {
		columns, rows, err := term.GetSize(terminalFD())
		if err != nil || columns <= 0 || rows <= 0 {
			return 80, 24
		}
		return columns, rows
	}
	return monitor.WatchTop(ctx, c.Target, c.Interval, size, terminal)
}

// awaitQuit calls quit when q or Ctrl-C is typed on a terminal in raw mode.
func awaitQuit(keys io.Reader, quit func()) {
	var b [1]byte
	for {
		if _, err := keys.Read(b[:]); err != nil {
			return
		}
		if b[0] == 'q' || b[0] == 'Q' || b[0] == 3 {
			quit()
			return
		}
	}
}
