package shard

// store is the memory of a body that is made in slices. If it has to grow, the body is
// copied to larger memory in slices as well.
type store struct {
	pool   *pool
	ch     *Chunk
	larger *Chunk // takes over once it has all of ch
}

func newStore(p *pool, size int) store { return store{pool: p, ch: p.getToKeep(size)} }

// fits reports whether there is room for n more bytes. If not, it begins to move the
// body to memory of about size bytes, and at least enough for those n.
func (s *store) fits(n, size int) bool {
	need := len(s.ch.body) + n
	if need <= cap(s.ch.body) {
		return true
	}
	s.larger = s.pool.getToKeep(max(size, need+need/2))
	return false
}

// moving reports whether move has something to do.
func (s *store) moving() bool { return s.larger != nil }

// move copies up to most bytes to the larger memory.
func (s *store) move(most int) {
	done := len(s.larger.body)
	s.larger.body = append(s.larger.body, s.ch.body[done:min(done+most, len(s.ch.body))]...)
	if len(s.larger.body) == len(s.ch.body) {
		s.larger.rosterMarks = s.ch.rosterMarks
		s.pool.put(s.ch)
		s.ch, s.larger = s.larger, nil
	}
}

// free gives the memory back. A body that is complete has been retained, and others may
// have it.
func (s *store) free(complete bool) {
	if s.larger != nil {
		s.pool.put(s.larger)
	}
	switch {
	case s.ch == nil:
	case complete:
		s.ch.endRetain()
	default:
		s.pool.put(s.ch)
	}
	*s = store{}
}
