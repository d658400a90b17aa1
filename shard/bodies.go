package shard

import "pitwall/codec"

// bodies are the states of a part that were encoded since the last seal, so
// that each is built once and shared by all who need the same.
//
// The ends of snapshot frames, which a crowd that lags needs anew in every
// window, are in memory that is used again. Being here is one round of pushes
// for such a chunk (see pool). Its takers are the heads made for it, each of
// which lets go of it when it is itself let go of; those of a kept head are the
// connections.
type bodies struct {
	subscribed [2]*Chunk // formSnapshot and formDeflatedSnapshot, with their heads
	byKey      map[bodyKey]*Chunk
	each       int // bytes of a position in the last one: the next one's first guess

	cuts uint64 // resets so far
	cut  bool   // one since the last seal
}

// maxBodies bounds the cache of a part that is never sealed.
const maxBodies = 64

// room makes room for a body and what is made of it.
func (b *bodies) room() {
	if len(b.byKey) > maxBodies-2 {
		b.forget()
	}
}

// keep puts ch under k, for which there must be room.
func (b *bodies) keep(k bodyKey, ch *Chunk) {
	b.hold(k, ch)
	ch.stay()
}

// hold is keep for a chunk that stays already.
func (b *bodies) hold(k bodyKey, ch *Chunk) {
	if b.byKey == nil {
		b.byKey = make(map[bodyKey]*Chunk)
	}
	b.byKey[k] = ch
}

// replace is hold where there may be another.
func (b *bodies) replace(k bodyKey, ch *Chunk) {
	if old := b.byKey[k]; old != nil {
		old.retire()
	}
	b.hold(k, ch)
}

// reset forgets all of them, and has builds begin again: what was true at the
// last seal must not be shown to anybody any more.
func (b *bodies) reset() {
	b.cuts++
	b.cut = true
	b.forget()
}

// forget forgets all of them.
func (b *bodies) forget() {
	b.dropHeads()
	if len(b.byKey) == 0 {
		return
	}
	for _, ch := range b.byKey {
		ch.retire()
	}
	clear(b.byKey)
}

// dropHeads forgets the frames for new subscribers, which are made of the others.
func (b *bodies) dropHeads() {
	for i, ch := range b.subscribed {
		if ch != nil {
			ch.retire()
			b.subscribed[i] = nil
		}
	}
}

// stay begins the round of a chunk that is to be found among the bodies. It is
// not held by connections alone, and so not counted as such.
func (c *Chunk) stay() {
	if c.home != nil {
		c.refs.Store(pushing)
		c.home.memory.kept.Add(int64(c.own()))
	}
}

// retire ends it: who still has the chunk now holds it alone.
func (c *Chunk) retire() {
	if c.home != nil {
		c.home.memory.kept.Add(-int64(c.own()))
		c.home.memory.out.Add(int64(c.own()))
		c.home.lent(c, int(c.taken))
	}
}

// blank returns a chunk with an empty body for a state in form f.
func (w *worker) blank(f form, size int) *Chunk {
	if f == formSnapshot || f == formLagged {
		return w.ends.getToKeep(size)
	}
	return &Chunk{body: make([]byte, 0, size)}
}

// subscribed returns the snapshot part for new subscribers: the state at the
// last seal. It is built once per seal and shared.
func (w *worker) subscribed(p *part, f form) *Chunk {
	ch := &p.bodies.subscribed[f-formSnapshot]
	if *ch == nil {
		h := w.headed(p, w.body(p, bodyKey{form: f}), codec.SnapshotSubscribe, 0)
		h.stay()
		*ch = h
	}
	return *ch
}

// sendLagged sends s, which has lost what came after since, its snapshot part.
func (w *worker) sendLagged(s *sub, since, conflated uint64) {
	p := s.part
	start, f := p.roundDown(since), s.conn.snapshots(p)
	if p.fixed > start {
		f += formLagged - formSnapshot
	}
	w.sendHeaded(s.conn, w.headed(p, w.body(p, bodyKey{since: start, form: f}), codec.SnapshotLagged, conflated))
}

// headed returns a snapshot frame: a head of its own, and the end in body.
func (w *worker) headed(p *part, body *Chunk, reason string, conflated uint64) *Chunk {
	begin := p.topic.frames.AppendSnapshotHead
	if body.deflated {
		begin = p.topic.frames.AppendDeflatedSnapshotHead
	}
	h := w.heads.getHead()
	h.head = begin(h.head, len(body.body), w.id+1, len(p.topic.parts), reason, conflated)
	h.body, h.part, h.since, h.records, h.kind = body.body, p, body.since, body.records, chunkSnapshot
	if body.home != nil {
		h.of = body
		body.taken++
	}
	return h
}

// sendHeaded sends one connection a frame that is for nobody else.
func (w *worker) sendHeaded(c *Conn, h *Chunk) {
	w.heads.lend(h, 1)
	w.send(c, h)
	w.heads.lent(h, int(h.taken))
}
