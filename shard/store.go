package shard

// store is the memory of a body that is made in slices. One that grows is brought
// to larger memory in slices as well.
type store struct {
	pool   *pool
	ch     *Chunk
	larger *Chunk // takes over once it has all of ch
}

func newStore(p *pool, size int) store { return store{pool: p, ch: p.getToKeep(size)} }

// fits reports whether n bytes more have room. If not, it begins to bring the
// body to memory of about size bytes, which is enough for them in any case.
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

// move brings up to most bytes to the larger memory.
func (s *store) move(most int) {
	done := len(s.larger.body)
	s.larger.body = append(s.larger.body, s.ch.body[done:min(done+most, len(s.ch.body))]...)
	if len(s.larger.body) == len(s.ch.body) {
		s.larger.rosterMarks = s.ch.rosterMarks
		s.pool.put(s.ch)
		s.ch, s.larger = s.larger, nil
	}
}

// free gives the memory back. A whole body has been kept for others: see Chunk.retain.
func (s *store) free(whole bool) {
	if s.larger != nil {
		s.pool.put(s.larger)
	}
	switch {
	case s.ch == nil:
	case whole:
		s.ch.endRetain()
	default:
		s.pool.put(s.ch)
	}
	*s = store{}
}
