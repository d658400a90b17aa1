package archive

import "sync"

// dose is how many rows one insert offers. An insert that takes too long takes
// too long at every attempt, so it is halved, down to single rows; inserts that
// succeed bring it back. The parts of a batch share it. Any goroutine may use
// it.
type dose struct {
	mu   sync.Mutex
	most int
	now  int
	full int // inserts of the present size that succeeded since it changed
}

// doseGrows is after how many inserts of a reduced size the next are larger.
// A size that is too large again costs a time-out, so it is not tried soon.
const doseGrows = 16

func newDose(most int) *dose { return &dose{most: most, now: most} }

// rows is how many rows the next insert offers at most, at least 1.
func (d *dose) rows() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// failed takes note that an insert of n rows did not come through.
func (d *dose) failed(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now, d.full = max(1, min(d.now, n/2)), 0
}

// worked takes note of an insert of n rows that succeeded.
func (d *dose) worked(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n < d.now || d.now == d.most {
		return
	}
	if d.full++; d.full >= doseGrows {
		d.now, d.full = min(d.most, 2*d.now), 0
	}
}
