package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// untilStopped ends with Ctrl-C, with a SIGTERM, and when the terminal is gone,
// unless that is to be ignored (nohup).
func untilStopped() (context.Context, context.CancelFunc) {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return signal.NotifyContext(context.Background(), list...)
}

// interrupted is err, and says so where a signal is the reason.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted, and what was started is stopped: %w", err)
	}
	return err
}
