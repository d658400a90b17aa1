package shard

import "pitwall/codec"

// pack compresses a slice. What is flushed to the end of a byte can be followed by
// the next (RFC 7692, section 7.2.1): the pieces are one message together.
func (w *worker) pack(b *build) {
	src, most := b.body.ch.body, w.core.building.packed
	if b.packed.ch == nil {
		b.packed = newStore(&w.deflate.pool, 2*most)
	}
	piece := src[b.from:min(b.from+most, len(src))]
	size := len(b.packed.ch.body)
	if !b.packed.fits(packedRoom(len(piece)), size/max(1, b.from/most)*(len(src)/most+2)) {
		return
	}
	body := w.deflate.Append(b.packed.ch.body, piece)
	if b.from += len(piece); b.from < len(src) {
		body = append(body, flushEnd...)
	}
	b.packed.ch.body = body
	if b.from == len(src) {
		w.closePacked(b)
	}
}

// packedRoom is how long n bytes can get by being compressed.
func packedRoom(n int) int { return n + n/8 + 64 }

// flushEnd is what a Deflater leaves out at the end.
const flushEnd = "\x00\x00\xff\xff"

// closePacked ends the compressed body, or drops one that has become longer.
func (w *worker) closePacked(b *build) {
	b.closed = true
	plain, ch := b.body.ch, b.packed.ch
	if len(ch.body) >= len(plain.body) {
		b.packed.free(false)
		return
	}
	w.countDeflated(len(plain.body), len(ch.body))
	ch.part, ch.since, ch.records, ch.deflated = b.part, plain.since, plain.records, true
	ch.stay()
}

// bytes is what is built, compressed for 1 if that was shorter.
func (b *build) bytes(packed int) *Chunk {
	if packed == 1 && b.packed.ch != nil {
		return b.packed.ch
	}
	return b.body.ch
}

// head returns the frame that all get who wait for what is built: a snapshot for
// those who subscribe, or live positions.
func (w *worker) head(b *build, packed int) *Chunk {
	h := &b.heads[packed]
	if *h != nil {
		return *h
	}
	body := b.bytes(packed)
	switch b.form {
	case formPlain:
		body.sealed = w.now
		*h = body
		return body
	case formBatch:
		*h = w.headedLive(b, body)
	default:
		*h = w.headed(b.part, body, codec.SnapshotSubscribe, 0)
	}
	(*h).stay()
	return *h
}

// headedLive returns a positions frame: a head of its own, and the payload in body.
func (w *worker) headedLive(b *build, body *Chunk) *Chunk {
	h := w.heads.getHead()
	if body.deflated {
		h.head = codec.AppendDeflatedFrameHeader(h.head, len(body.body))
	} else {
		h.head = codec.AppendTextFrameHeader(h.head, len(body.body))
	}
	h.body, h.part, h.since, h.records, h.sealed = body.body, b.part, b.since, b.body.records, w.now
	h.of = body
	body.taken++
	return h
}
