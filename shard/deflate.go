package shard

import "pitwall/codec"

// What is sealed for a topic is compressed once, and the same bytes go to every
// connection that has agreed on permessage-deflate without context takeover (RFC
// 7692). Only positions frames are compressed: one position alone is too short.
// Snapshots are the same in all encodings, so connections that get position frames
// share them compressed.

// Deflater compresses messages, each by itself. It is an interface so that this
// package needs no library. Every shard has its own, used by one goroutine at a
// time.
type Deflater interface {
	// Append appends src to dst in DEFLATE (RFC 1951), flushed to a byte
	// boundary and without the last four bytes of that (RFC 7692, section
	// 7.2.1). It must refer to nothing before src: other bytes may be put
	// there. It should allocate only to grow dst.
	Append(dst, src []byte) []byte
}

// minCompress is the shortest payload, in bytes, that is compressed: about three
// positions, of which compression saves half. Below that, it would save only a few bytes
// of a packet that is sent anyway.
const minCompress = 512

// compressor is a shard's Deflater, nil for none, and the pool of the chunks that it
// makes. They are much smaller than the others; from a shared pool they would take the
// large ones.
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
	c.compresses = true
	if c.encoding == encodingBatch {
		c.encoding = encodingCompressed
	}
}

// uncompressed is the encoding whose bytes e is made of: e itself, unless e is
// compressed.
func (e encoding) uncompressed() encoding {
	if e == encodingCompressed {
		return encodingBatch
	}
	return e
}

// wants reports whether a live subscriber needs encoding e, or one that is made of it.
func (p *topicShard) wants(e encoding) bool {
	return len(p.live[e].list) > 0 || e == encodingBatch && len(p.live[encodingCompressed].list) > 0
}

// snapshotKind is the kind of body that c's snapshots of p have.
func (c *Conn) snapshotKind(p *topicShard) bodyKind {
	if c.compresses && len(p.topic.frames.Name()) <= codec.MaxDeflatedName {
		return bodyCompressedSnapshot
	}
	return bodySnapshot
}

// compressed returns the broadcast to the subscribers that have agreed on compression. b
// is the broadcast to the others; it is returned unchanged if compression does not pay. A
// large chunk is compressed in slices first, by later turns.
func (w *worker) compressed(b broadcast) broadcast {
	if most := w.core.building.compressed; len(b.chunk.body) > most {
		b.compression = &liveCompression{store: newStore(&w.deflate.pool, 2*most), rosterMarks: b.chunk.rosterMarks}
	} else if z := w.compressChunk(b.chunk); z != nil {
		b.chunk = z
	}
	return b
}

// compressChunk returns a chunk from the pool with the frames of ch compressed, nil
// if it does not get shorter.
func (w *worker) compressChunk(ch *Chunk) *Chunk {
	if len(ch.body) < minCompress {
		return nil
	}
	pool := &w.deflate.pool
	z := pool.get(len(ch.body) / 3)
	if w.compressFrames(z, ch) {
		return z
	}
	pool.put(z)
	return nil
}

// compressedFrames returns a new chunk, of no pool, with the frames of ch compressed; ch
// itself if it does not get shorter.
func (w *worker) compressedFrames(ch *Chunk) *Chunk {
	if z := new(Chunk); w.compressFrames(z, ch) {
		return z
	}
	return ch
}

// compressBody returns a chunk from the pool with ch, the end of a snapshot frame,
// compressed; ch itself if it does not get shorter.
func (w *worker) compressBody(ch *Chunk) *Chunk {
	if len(ch.body) < minCompress {
		return ch
	}
	pool := &w.deflate.pool
	z := pool.getToKeep(len(ch.body) / 3)
	if z.body = w.deflate.Append(z.body, ch.body); len(z.body) >= len(ch.body) {
		pool.put(z)
		return ch
	}
	w.countCompressed(len(ch.body), len(z.body))
	z.shard, z.since, z.records, z.compressed = ch.shard, ch.since, ch.records, true
	return z
}

// compressFrames fills z with ch's frames. It compresses those that are long enough
// and get shorter by it, and returns false when there are none.
func (w *worker) compressFrames(z, ch *Chunk) bool {
	marks := ch.rosterMarks
	for at := 0; at < len(ch.body); {
		if len(marks) > 0 && marks[0].at == at {
			z.rosterMarks = append(z.rosterMarks, rosterMark{len(z.body), marks[0].records})
			marks = marks[1:]
		}
		n := codec.FrameLen(ch.body[at:])
		z.body = w.compressFrame(z.body, ch.body[at:at+n])
		at += n
	}
	if len(z.body) == len(ch.body) { // every frame was copied: one that is compressed is shorter
		return false
	}
	z.shard, z.since, z.arrival, z.records, z.sealed = ch.shard, ch.since, ch.arrival, ch.records, ch.sealed
	w.countCompressed(len(ch.body), len(z.body))
	return true
}

// compressFrame appends frame to dst, compressed if it gets shorter by that.
func (w *worker) compressFrame(dst, frame []byte) []byte {
	payload := frame[codec.FrameHeaderLen(frame):]
	if len(payload) >= minCompress {
		z, mark := codec.BeginDeflated(dst)
		z = codec.EndDeflated(w.deflate.Append(z, payload), mark)
		if len(z)-mark < len(frame) {
			return z
		}
		dst = z[:mark] // compression made it longer
	}
	return append(dst, frame...)
}

func (w *worker) countCompressed(in, out int) {
	w.count[countDeflated]++
	w.count[countDeflateIn] += uint64(in)
	w.count[countDeflateOut] += uint64(out)
}
