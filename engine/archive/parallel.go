package archive

import (
	"context"
	"errors"
	"sync"
)

// insertParts inserts all parts of a batch concurrently, each in its own
// transactions.
func (w *writer) insertParts(ctx context.Context, b *batch) error {
	var all sync.WaitGroup
	errs := make([]error, len(b.parts))
	for i := range b.parts {
		p := &b.parts[i]
		if i > 0 && len(p.positions) > 0 {
			all.Go(func() { errs[i] = w.insertRange(ctx, p, 0, len(p.positions)) })
		}
	}
	errs[0] = w.insertRange(ctx, &b.parts[0], 0, len(b.parts[0].positions)) // on the calling goroutine
	all.Wait()
	return errors.Join(errs...)
}
