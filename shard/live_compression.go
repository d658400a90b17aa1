package shard

import "pitwall/codec"

// liveCompression compresses a large live chunk in slices, before it is pushed to the
// subscribers that get it compressed. Their broadcast is under way meanwhile, since it
// is for the subscribers at the seal. If a command is about one of them, that one gets
// the chunk uncompressed at once.
type liveCompression struct {
	store                    // the compressed chunk
	at          int          // how much of the plain chunk is in it
	end         int          // of the frame that is being compressed
	mark        int          // where that frame begins in the compressed chunk
	rosterMarks []rosterMark // of the plain chunk, from at on
}

// compressLive compresses a slice of the chunk of b. When all of it is compressed, the
// compressed chunk replaces it, if it is shorter.
func (w *worker) compressLive(b *broadcast) {
	k, plain := b.compression, b.chunk
	if k.moving() {
		k.move(w.core.building.moved)
		return
	}
	if w.compressLiveFrames(k, plain.body); k.at < len(plain.body) {
		return
	}
	b.compression = nil
	z := k.ch
	if len(z.body) >= len(plain.body) {
		k.free(false)
		return
	}
	w.countCompressed(len(plain.body), len(z.body))
	z.shard, z.since, z.arrival, z.records, z.sealed = plain.shard, plain.since, plain.arrival, plain.records, plain.sealed
	z.pool.startBroadcasts(z, 1)
	plain.pool.endBroadcast(plain, b.taken)
	b.chunk, b.taken = z, 0
}

// compressLiveFrames compresses a slice of src. A frame that is too short to be
// compressed is copied.
func (w *worker) compressLiveFrames(k *liveCompression, src []byte) {
	for most := w.core.building.compressed; most > 0 && k.at < len(src); {
		if k.at == k.end && !w.nextLiveFrame(k, src, &most) {
			return
		}
		if k.at == k.end {
			continue // copied
		}
		piece := src[k.at:min(k.at+most, k.end)]
		if !k.hasRoom(maxCompressed(len(piece)), len(src)) {
			return
		}
		body := w.deflate.Append(k.ch.body, piece)
		k.at += len(piece)
		most -= len(piece)
		if k.at < k.end {
			body = append(body, flushEnd...)
		}
		body = codec.WidenDeflated(body, k.mark)
		if k.at == k.end {
			body = codec.EndDeflated(body, k.mark)
		}
		k.ch.body = body
	}
}

// nextLiveFrame begins the next frame of src. It returns false if there is no room
// yet.
func (w *worker) nextLiveFrame(k *liveCompression, src []byte, most *int) bool {
	frame := src[k.at:][:codec.FrameLen(src[k.at:])]
	head := codec.FrameHeaderLen(frame)
	short := len(frame)-head < minCompress
	if !k.hasRoom(min(len(frame), minCompress)+head, len(src)) {
		return false
	}
	if len(k.rosterMarks) > 0 && k.rosterMarks[0].at == k.at {
		k.ch.rosterMarks = append(k.ch.rosterMarks, rosterMark{len(k.ch.body), k.rosterMarks[0].records})
		k.rosterMarks = k.rosterMarks[1:]
	}
	k.end = k.at + len(frame)
	if short {
		k.ch.body = append(k.ch.body, frame...)
		*most -= len(frame)
		k.at = k.end
		return true
	}
	k.ch.body, k.mark = codec.BeginDeflated(k.ch.body)
	k.at += head
	return true
}

// hasRoom is store.fits for a piece of n bytes of a plain chunk of the given length.
func (k *liveCompression) hasRoom(n, of int) bool {
	size := len(k.ch.body)
	return k.fits(n, size+size/8+of/max(1, k.at)*size)
}
