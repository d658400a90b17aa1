package archive

import "sync"

// insertSize is the adaptive number of rows per insert. When an insert takes too
// long, the size is halved, down to single rows. Successful inserts double it again.
// The parts of a batch share it. Any goroutine may use it.
type insertSize struct {
	mu        sync.Mutex
	most      int
	now       int
	successes int // successful inserts of this size since it last changed
}

// growAfter is the number of successful inserts after which a reduced size is
// doubled. It is large, because each attempt with too large a size costs a timeout.
const growAfter = 16

func newInsertSize(most int) *insertSize { return &insertSize{most: most, now: most} }

// rows is the most rows of the next insert, at least 1.
func (s *insertSize) rows() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// failed records that an insert of n rows took too long.
func (s *insertSize) failed(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.successes = max(1, min(s.now, n/2)), 0
}

// succeeded records an insert of n rows.
func (s *insertSize) succeeded(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < s.now || s.now == s.most {
		return
	}
	if s.successes++; s.successes >= growAfter {
		s.now, s.successes = min(s.most, 2*s.now), 0
	}
}
