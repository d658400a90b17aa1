// Package pause waits. Every wait of the harness ends with its context, so that a
// signal stops a run at any point.
//
// Its functions may be called from any goroutine. They start none and keep no
// state.
package pause

import (
	"context"
	"time"
)

// For waits for d, or returns the error of ctx if that ends first.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Until calls done at the given interval until it returns true or an error, or
// ctx ends. ok is false when that took longer than within.
func Until(ctx context.Context, interval, within time.Duration, done func() (bool, error)) (ok bool, err error) {
	for limit := time.Now().Add(within); ; {
		if ok, err = done(); ok || err != nil || time.Now().After(limit) {
			return ok, err
		}
		if err := For(ctx, interval); err != nil {
			return false, err
		}
	}
}
