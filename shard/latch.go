package shard

import "context"

// latch is opened once, and no wait blocks from then on.
type latch chan struct{}

func newLatch() latch { return make(latch) }

func (l latch) open() { close(l) }

// wait returns when the latch is open, or with the error of ctx if that ends first. An
// open latch wins over a ctx that has ended.
func (l latch) wait(ctx context.Context) error {
	select {
	case <-l:
		return nil
	default:
	}
	select {
	case <-l:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
