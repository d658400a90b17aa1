package shard

import "pitwall/codec"

// snapshotCache has the states of a topic shard that were encoded since the last seal,
// so that each is encoded once and shared by all who need it. Only the owner of the
// shard's turn touches it.
//
// The ends of snapshot frames are in memory of a pool, since lagged connections need new
// ones in every window. The cache retains them (chunk_refs.go). The takers of an end are
// the heads made for it; those of a head in the cache are the connections.
type snapshotCache struct {
	frames      [2]*Chunk // of bodySnapshot and bodyCompressedSnapshot, heads included
	byKey       map[bodyKey]*Chunk
	recordBytes int // mean size of a position in the last body, to guess the size of the next

	invalidations uint64 // how often invalidate was called; builds compare it
	invalidated   bool   // invalidate was called since the last seal
}

// maxCached bounds the cache of a topic shard that is never sealed.
const maxCached = 64

// makeRoom makes room for a body and what is made of it.
func (c *snapshotCache) makeRoom() {
	if len(c.byKey) > maxCached-2 {
		c.clear()
	}
}

// put keeps ch, which is retained if it is of a pool, under k. It takes the place of
// the chunk that is there.
func (c *snapshotCache) put(k bodyKey, ch *Chunk) {
	if c.byKey == nil {
		c.byKey = make(map[bodyKey]*Chunk)
	}
	if old := c.byKey[k]; old != nil {
		old.endRetain()
	}
	c.byKey[k] = ch
}

// invalidate empties the cache and has builds begin again: the state at the last seal
// must not be shown to anybody any more.
func (c *snapshotCache) invalidate() {
	c.invalidations++
	c.invalidated = true
	c.clear()
}

// clear empties the cache.
func (c *snapshotCache) clear() {
	c.clearFrames()
	if len(c.byKey) == 0 {
		return
	}
	for _, ch := range c.byKey {
		ch.endRetain()
	}
	clear(c.byKey)
}

// clearFrames drops the frames for new subscribers, which are made of the others.
func (c *snapshotCache) clearFrames() {
	for i, ch := range c.frames {
		if ch != nil {
			ch.endRetain()
			c.frames[i] = nil
		}
	}
}

// newBody returns a chunk with an empty body for a state of that kind. size is a guess.
func (w *worker) newBody(kind bodyKind, size int) *Chunk {
	if kind == bodySnapshot || kind == bodyLagged {
		return w.bodyPool.getToKeep(size)
	}
	return &Chunk{body: make([]byte, 0, size)}
}

// subscribeFrame returns the snapshot part for new subscribers: the state at the last
// seal. It is built once per seal and shared.
func (w *worker) subscribeFrame(p *topicShard, kind bodyKind) *Chunk {
	ch := &p.cache.frames[kind-bodySnapshot]
	if *ch == nil {
		h := w.snapshotFrame(p, w.body(p, bodyKey{kind: kind}), codec.SnapshotSubscribe, 0)
		h.retain()
		*ch = h
	}
	return *ch
}

// sendLagged sends s, which has lost what came after since, a snapshot part with that. It
// returns its length in bytes.
func (w *worker) sendLagged(s *sub, since uint64, reason string, conflated uint64) int {
	p := s.shard
	start, kind := p.roundDown(since), s.conn.snapshotKind(p)
	if p.fixed > start {
		kind += bodyLagged - bodySnapshot
	}
	h := w.snapshotFrame(p, w.body(p, bodyKey{since: start, kind: kind}), reason, conflated)
	n := h.Len()
	w.sendFrame(s.conn, h)
	return n
}

// snapshotFrame returns a snapshot frame: a head of its own, and the end in body.
func (w *worker) snapshotFrame(p *topicShard, body *Chunk, reason string, conflated uint64) *Chunk {
	begin := p.topic.frames.AppendSnapshotHead
	if body.compressed {
		begin = p.topic.frames.AppendDeflatedSnapshotHead
	}
	h := w.headPool.getHead()
	h.head = begin(h.head, len(body.body), w.id+1, len(p.topic.shards), reason, conflated)
	h.body, h.shard, h.since, h.records, h.kind = body.body, p, body.since, body.records, chunkSnapshot
	if body.pool != nil {
		h.shares = body
		body.takers++
	}
	return h
}

// sendFrame sends one connection a frame of its own.
func (w *worker) sendFrame(c *Conn, h *Chunk) {
	w.headPool.startBroadcasts(h, 1)
	w.send(c, h)
	w.headPool.endBroadcast(h, int(h.takers))
}
