package shard

import "pitwall/codec"

// packing is a large live chunk that is compressed in slices, before it is pushed
// to those who get it so. Their round is open meanwhile, as its subscribers are
// those of the seal; one that a command is about gets the chunk as it is.
type packing struct {
	store        // what is made
	at    int    // how much of the chunk is in it
	end   int    // of the frame that is under way
	mark  int    // where that begins in what is made
	seams []seam // of the chunk, those that are left
}

// startPacking begins the rounds of a large chunk, for those who get it plain and
// those who get it compressed.
func (w *worker) startPacking(r round, plain, packed *audience) {
	r.chunk.home.lend(r.chunk, 2)
	r.part.rounds += 2
	w.begin(plain, r)
	r.packing = &packing{store: newStore(&w.deflate.pool, 2*w.core.building.packed), seams: r.chunk.seams}
	w.begin(packed, r)
}

// packRound compresses a slice of a round's chunk, which the compressed one
// replaces when it is whole, if it is shorter.
func (w *worker) packRound(r *round) {
	k, plain := r.packing, r.chunk
	if k.moving() {
		k.move(w.core.building.moved)
		return
	}
	if w.packFrames(k, plain.body); k.at < len(plain.body) {
		return
	}
	r.packing = nil
	z := k.ch
	if len(z.body) >= len(plain.body) {
		k.free(false)
		return
	}
	w.countDeflated(len(plain.body), len(z.body))
	z.part, z.since, z.arrival, z.records, z.sealed = plain.part, plain.since, plain.arrival, plain.records, plain.sealed
	z.home.lend(z, 1)
	plain.home.lent(plain, r.taken)
	r.chunk, r.taken = z, 0
}

// packFrames compresses a slice of src. A frame that is too short for that goes as
// it is, within the slice.
func (w *worker) packFrames(k *packing, src []byte) {
	for most := w.core.building.packed; most > 0 && k.at < len(src); {
		if k.at == k.end && !w.nextFrame(k, src, &most) {
			return
		}
		if k.at == k.end {
			continue // it is in, as it is
		}
		piece := src[k.at:min(k.at+most, k.end)]
		if !k.room(packedRoom(len(piece)), len(src)) {
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

// nextFrame begins the next frame of src. False: there is no room yet.
func (w *worker) nextFrame(k *packing, src []byte, most *int) bool {
	frame := src[k.at:][:codec.FrameLen(src[k.at:])]
	head := codec.FrameHeaderLen(frame)
	short := len(frame)-head < minDeflate
	if !k.room(min(len(frame), minDeflate)+head, len(src)) {
		return false
	}
	if len(k.seams) > 0 && k.seams[0].at == k.at {
		k.ch.seams = append(k.ch.seams, seam{len(k.ch.body), k.seams[0].records})
		k.seams = k.seams[1:]
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

// room is fits for a piece of a chunk of so many bytes.
func (k *packing) room(n, of int) bool {
	size := len(k.ch.body)
	return k.fits(n, size+size/8+of/max(1, k.at)*size)
}
