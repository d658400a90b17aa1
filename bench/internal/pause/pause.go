// Package pause waits. A wait of the harness ends with its context, so that a
// signal stops a run wherever it is.
//
// For may be called from any goroutine. It holds nothing and starts no
// goroutine.
package pause

import (
	"context"
	"time"
)

// For waits, and fails when ctx ends before.
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
