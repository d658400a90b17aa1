package archive

import "sync"

// dose is how many rows one insert offers. An insert that takes too long takes
// too long at every attempt, so it is halved, down to single rows; inserts that
// succeed bring it back. The parts of a batch share it. Any goroutine may use
// it.
type insertSize struct {
	mu        sync.Mutex
	most      int
	now       int
	successes int // inserts of the present size that succeeded since it changed
}

// doseGrows is after how many inserts of a reduced size the next are larger.
// A size that is too large again costs a time-out, so it is not tried soon.
const growAfter = 16

func newInsertSize(most int) *insertSize { return &insertSize{most: most, now: most} }

// rows is how many rows the next insert offers at most, at least 1.
func (d *insertSize) rows() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// failed takes note that an insert of n rows did not come through.
func (d *insertSize) failed(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now, d.successes = max(1, min(d.now, n/2)), 0
}

// worked takes note of an insert of n rows that succeeded.
func (d *insertSize) succeeded(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n < d.now || d.now == d.most {
		return
	}
	if d.successes++; d.successes >= growAfter {
		d.now, d.successes = min(d.most, 2*d.now), 0
	}
}
