package shard

import "pitwall/codec"

// Compression is paid once: what is sealed for a topic is compressed once, and
// the same bytes go to everybody who has agreed on permessage-deflate without
// context takeover (RFC 7692). It is the batch shape that is compressed: one
// position alone is too short. Snapshots are the same in all shapes, so those
// who get position frames share them compressed.

// Deflater compresses messages, each by itself. The core knows it as an
// interface so that it goes without a library; a call costs nothing next to
// what it does. Every shard has its own, used by one goroutine at a time.
type Deflater interface {
	// Append appends src to dst in DEFLATE (RFC 1951), flushed to a byte
	// boundary and without the last four bytes of that (RFC 7692, section
	// 7.2.1). It must refer to nothing before src: other bytes may be put
	// there. It should not allocate but to grow dst.
	Append(dst, src []byte) []byte
}

// minDeflate is the payload from which a frame is compressed. Three positions
// are about so long, and the first of which half is saved. Below, it is less
// than 250 bytes of a packet that has to go anyway, for 4 us, which is half of
// what its write costs.
const minDeflate = 512

// compressor is a shard's Deflater, nil for none, and the memory of the chunks
// it makes: they are much smaller than the others.
type compressor struct {
	Deflater
	pool pool
}

// Deflates reports whether the core can compress.
func (c *Core) Deflates() bool { return c.workers[0].deflate.Deflater != nil }

// AcceptDeflate says that the connection has agreed on permessage-deflate, so
// that it may be sent compressed frames, marked by RSV1. It does nothing where
// the core does not compress. Call it before the connection is used.
func (c *Conn) AcceptDeflate() {
	if !c.core.Deflates() {
		return
	}
	c.deflate = true
	if c.shape == shapeBatch {
		c.shape = shapeDeflate
	}
}

// text is the shape in which s is encoded.
func (s shape) text() shape {
	if s == shapeDeflate {
		return shapeBatch
	}
	return s
}

// wants reports whether somebody in the live flow needs what is encoded in s.
func (p *part) wants(s shape) bool {
	return len(p.live[s].list) > 0 || s == shapeBatch && len(p.live[shapeDeflate].list) > 0
}

// snapshots is the form of c's snapshots of p.
func (c *Conn) snapshots(p *part) form {
	if c.deflate && len(p.topic.frames.Name()) <= codec.MaxDeflatedName {
		return formDeflatedSnapshot
	}
	return formSnapshot
}

// start begins to push ch, sealed in a text shape, to all who get it: those who
// have agreed on compression get it compressed, if that pays.
func (w *worker) start(p *part, s shape, r round) {
	packed := &p.live[shapeDeflate]
	if s != shapeBatch || len(packed.list) == 0 {
		w.startIn(r, &p.live[s])
		return
	}
	if len(r.chunk.body) > w.core.building.packed {
		w.startPacking(r, &p.live[s], packed)
		return
	}
	z := w.deflated(r.chunk)
	if z == nil {
		w.startIn(r, &p.live[s], packed)
		return
	}
	w.startIn(round{part: p, chunk: z, due: r.due, instant: r.instant}, packed)
	w.startIn(r, &p.live[s])
}

// startIn begins the rounds of one chunk in some audiences.
func (w *worker) startIn(r round, to ...*audience) {
	r.chunk.home.lend(r.chunk, len(to))
	r.part.rounds += len(to)
	for _, a := range to {
		w.begin(a, r)
	}
}

// deflated returns a chunk with the frames of ch compressed, nil where that
// does not pay.
func (w *worker) deflated(ch *Chunk) *Chunk {
	if len(ch.body) < minDeflate {
		return nil
	}
	pool := &w.deflate.pool
	z := pool.get(len(ch.body) / 3)
	if w.deflateFrames(z, ch) {
		return z
	}
	pool.put(z)
	return nil
}

// deflatedFrames returns a chunk with the frames of ch compressed, ch itself
// where that does not pay.
func (w *worker) deflatedFrames(ch *Chunk) *Chunk {
	if z := new(Chunk); w.deflateFrames(z, ch) {
		return z
	}
	return ch
}

// deflatedEnd is the same for the end of a snapshot frame.
func (w *worker) deflatedEnd(ch *Chunk) *Chunk {
	if len(ch.body) < minDeflate {
		return ch
	}
	pool := &w.deflate.pool
	z := pool.getToKeep(len(ch.body) / 3)
	if z.body = w.deflate.Append(z.body, ch.body); len(z.body) >= len(ch.body) {
		pool.put(z)
		return ch
	}
	w.countDeflated(len(ch.body), len(z.body))
	z.part, z.since, z.records, z.deflated = ch.part, ch.since, ch.records, true
	return z
}

// deflateFrames makes z of ch's whole frames, those of them compressed that are
// long enough and get shorter by it; false when there are none.
func (w *worker) deflateFrames(z, ch *Chunk) bool {
	seams := ch.seams
	for at := 0; at < len(ch.body); {
		if len(seams) > 0 && seams[0].at == at {
			z.seams = append(z.seams, seam{len(z.body), seams[0].records})
			seams = seams[1:]
		}
		n := codec.FrameLen(ch.body[at:])
		z.body = w.deflateFrame(z.body, ch.body[at:at+n])
		at += n
	}
	if len(z.body) == len(ch.body) {
		return false
	}
	z.part, z.since, z.arrival, z.records, z.sealed = ch.part, ch.since, ch.arrival, ch.records, ch.sealed
	w.countDeflated(len(ch.body), len(z.body))
	return true
}

func (w *worker) deflateFrame(dst, frame []byte) []byte {
	payload := frame[codec.FrameHeaderLen(frame):]
	if len(payload) >= minDeflate {
		z, mark := codec.BeginDeflated(dst)
		z = codec.EndDeflated(w.deflate.Append(z, payload), mark)
		if len(z)-mark < len(frame) {
			return z
		}
		dst = z[:mark] // it has grown
	}
	return append(dst, frame...)
}

func (w *worker) countDeflated(in, out int) {
	w.count.deflated++
	w.count.deflateIn += uint64(in)
	w.count.deflateOut += uint64(out)
}
