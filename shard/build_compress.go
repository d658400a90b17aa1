package shard

import "pitwall/codec"

// compressSlice compresses a slice of b's body. Each piece is flushed to the end of a
// byte, so the next can follow it (RFC 7692, section 7.2.1): together the pieces are
// one message.
func (w *worker) compressSlice(b *build) {
	src, most := b.body.ch.body, w.core.building.compressed
	if b.compressed.ch == nil {
		b.compressed = newStore(&w.deflate.pool, 2*most)
	}
	piece := src[b.compressedTo:min(b.compressedTo+most, len(src))]
	size := len(b.compressed.ch.body)
	if !b.compressed.fits(maxCompressed(len(piece)), size/max(1, b.compressedTo/most)*(len(src)/most+2)) {
		return
	}
	body := w.deflate.Append(b.compressed.ch.body, piece)
	if b.compressedTo += len(piece); b.compressedTo < len(src) {
		body = append(body, flushEnd...)
	}
	b.compressed.ch.body = body
	if b.compressedTo == len(src) {
		w.finishCompression(b)
	}
}

// maxCompressed is an upper bound of the length of n bytes after compression.
func maxCompressed(n int) int { return n + n/8 + 64 }

// flushEnd is what a Deflater leaves out at the end. It must stand between two pieces,
// but not at the end of the message.
const flushEnd = "\x00\x00\xff\xff"

// finishCompression ends the compressed body, or drops it if it is not shorter.
func (w *worker) finishCompression(b *build) {
	b.compressionDone = true
	plain, ch := b.body.ch, b.compressed.ch
	if len(ch.body) >= len(plain.body) {
		b.compressed.free(false)
		return
	}
	w.countCompressed(len(plain.body), len(ch.body))
	ch.shard, ch.since, ch.records, ch.compressed = b.shard, plain.since, plain.records, true
	ch.retain()
}

// encoded returns the body for a list of waiters. List 1 gets the compressed body, if
// there is one.
func (b *build) encoded(packed int) *Chunk {
	if packed == 1 && b.compressed.ch != nil {
		return b.compressed.ch
	}
	return b.body.ch
}

// frame returns the frame that the waiters of b get: a snapshot for new subscribers,
// or live positions. It is made once.
func (w *worker) frame(b *build, packed int) *Chunk {
	h := &b.frames[packed]
	if *h != nil {
		return *h
	}
	body := b.encoded(packed)
	switch b.kind {
	case bodyPlain:
		body.sealed = w.now
		*h = body
		return body
	case bodyBatch:
		*h = w.positionsFrame(b, body)
	default:
		*h = w.snapshotFrame(b.shard, body, codec.SnapshotSubscribe, 0)
	}
	(*h).retain()
	return *h
}

// positionsFrame returns a positions frame: a head of its own, and the payload in
// body.
func (w *worker) positionsFrame(b *build, body *Chunk) *Chunk {
	h := w.headPool.getHead()
	if body.compressed {
		h.head = codec.AppendDeflatedFrameHeader(h.head, len(body.body))
	} else {
		h.head = codec.AppendTextFrameHeader(h.head, len(body.body))
	}
	h.body, h.shard, h.since, h.records, h.sealed = body.body, b.shard, b.since, b.body.records, w.now
	h.shares = body
	body.takers++
	return h
}
