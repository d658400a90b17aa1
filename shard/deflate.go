package shard

import "pitwall/codec"

// What is sealed for a topic is compressed once, and the same bytes go to every
// connection that has agreed on permessage-deflate without context snapshotUpdate (RFC
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

// minCompress is the payload, in bytes, from which a frame is compressed. It is
// about three positions, the first size of which half is saved. Below that, a few
// bytes of a packet that is sent anyway are not worth the time.
const minCompress = 512

// compressor is a shard's Deflater, nil for none, and the pool of the chunks that it
// makes: they are much smaller than the others, and in one pool they would take the
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

// uncompressed is the encoding that s is made of: s itself, or the one to compress.
func (s encoding) uncompressed() encoding {
	if s == encodingCompressed {
		return encodingBatch
	}
	return s
}

// wants reports whether a live subscriber needs what is encoded in s.
func (p *topicShard) wants(s encoding) bool {
	return len(p.live[s].list) > 0 || s == encodingBatch && len(p.live[encodingCompressed].list) > 0
}

// snapshotKind is the kind of body that c's snapshots of p have.
func (c *Conn) snapshotKind(p *topicShard) bodyKind {
	if c.compresses && len(p.topic.frames.Name()) <= codec.MaxDeflatedName {
		return bodyCompressedSnapshot
	}
	return bodySnapshot
}

// broadcastCompressed is broadcast for a chunk of the batch encoding, where some
// have agreed on compression: they get it compressed, if that pays.
func (w *worker) broadcastCompressed(r broadcast) (pushes int) {
	plain, packed := &r.shard.live[encodingBatch], &r.shard.live[encodingCompressed]
	if len(r.chunk.body) > w.core.building.compressed {
		return w.startCompression(r, plain, packed)
	}
	z := w.compressChunk(r.chunk)
	if z == nil {
		r.start(2)
		return w.broadcast(plain, r) + w.broadcast(packed, r)
	}
	c := broadcast{shard: r.shard, chunk: z, due: r.due, instant: r.instant}
	c.start(1)
	pushes = w.broadcast(packed, c)
	r.start(1)
	return pushes + w.broadcast(plain, r)
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

// compressedFrames returns a chunk of its own with the frames of ch compressed, ch
// itself if it does not get shorter.
func (w *worker) compressedFrames(ch *Chunk) *Chunk {
	if z := new(Chunk); w.compressFrames(z, ch) {
		return z
	}
	return ch
}

// compressBody is the same for the end of a snapshot frame, with memory of the pool.
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
	w.count.deflated++
	w.count.deflateIn += uint64(in)
	w.count.deflateOut += uint64(out)
}
