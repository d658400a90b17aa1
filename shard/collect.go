package shard

import (
	"math/bits"
	"slices"
)

// bodyKey names an encoded state of a topic shard: what changed after since, as it was
// at the last seal.
type bodyKey struct {
	since uint64
	kind  bodyKind
	to    uint64 // the last join or leave of a roster frame
}

type bodyKind uint8

const (
	bodyPlain      = bodyKind(encodingPlain)      // position frames
	bodyBatch      = bodyKind(encodingBatch)      // one positions frame
	bodyCompressed = bodyKind(encodingCompressed) // the same, compressed
	bodySnapshot   = bodyKind(encodings)          // the shared end of a snapshot frame

	bodyCompressedSnapshot = bodySnapshot + 1 // the same, compressed
	bodyLagged             = bodySnapshot + 2 // without corrections, which are sent as such
	bodyCompressedLagged   = bodySnapshot + 3 // the same, compressed
	bodyRoster             = bodySnapshot + 4 // a roster frame
)

// firstSince returns the first membership that changed after update since, nil for none,
// and the number of those that did.
func (p *topicShard) firstSince(since uint64) (first *membership, changed int) {
	for n := p.last; n != nil && n.seq > since; n = n.prev {
		first = n
		changed++
	}
	return first, changed
}

// valueAt returns the value that n had at update upTo, and the number of the update
// that brought it. It returns nil and 0 if n had no value then, or if that value is no
// longer known. current is n's value now. upTo is a seal or the last update.
func (n *membership) valueAt(upTo uint64, current *value) (v *value, seq uint64) {
	switch {
	case n.seq <= upTo:
		return current, n.seq
	case n.old != nil && n.oldSeq <= upTo:
		return n.old, n.oldSeq
	}
	return nil, 0
}

// bodyAt returns the encoded position that n had at update upTo, and whether it was a
// correction; nil if that position came with update since or before.
func (n *membership) bodyAt(upTo, since uint64) (body []byte, corrected bool) {
	v, seq := n.valueAt(upTo, n.dev.val)
	if seq <= since {
		return nil, false
	}
	return v.buf, seq == n.fixed
}

// body returns the chunk for k, and encodes it if it is not in the cache. It holds whole
// frames, or the end of a frame if it is for a snapshot. It may be used until the cache
// is cleared, which the next call may do.
func (w *worker) body(p *topicShard, k bodyKey) *Chunk {
	if ch := p.cache.byKey[k]; ch != nil {
		return ch
	}
	p.cache.makeRoom()
	var ch *Chunk
	switch k.kind {
	case bodyCompressed:
		ch = w.compressedFrames(w.body(p, bodyKey{since: k.since, kind: bodyBatch}))
	case bodyCompressedSnapshot, bodyCompressedLagged:
		plain := w.body(p, bodyKey{since: k.since, kind: k.kind - 1})
		if len(plain.body) < minCompress {
			return plain // in the cache under its own key only
		}
		if ch = w.compressBody(plain); ch == plain { // a copy, so that the next call finds it and does not try again
			ch = &Chunk{body: slices.Clone(plain.body), shard: p, since: k.since, records: plain.records}
		}
	default:
		ch = w.encode(p, k)
	}
	ch.retain()
	p.cache.put(k, ch)
	return ch
}

func (w *worker) encode(p *topicShard, k bodyKey) *Chunk {
	w.count[countBuilt]++
	first, changed := p.firstSince(k.since)
	ch := w.newBody(k.kind, changed*p.cache.recordBytes+64)
	ch.shard, ch.since = p, k.since
	t, buf, mark := p.topic.frames, ch.body, 0
	switch k.kind {
	case bodyBatch:
		buf, mark = t.BeginPositions(buf)
	case bodySnapshot, bodyLagged:
		buf = t.BeginSnapshotBody(buf)
	}
	for n := first; n != nil; n = n.next {
		b, corrected := n.bodyAt(p.sealed, k.since)
		if k.kind == bodyLagged {
			corrected = n.fixed > k.since // also if it is newer than a correction that was not sent
		}
		if b == nil || k.kind != bodySnapshot && corrected {
			continue // a correction goes back in time, and is sent as such
		}
		switch k.kind {
		case bodyPlain:
			buf = t.AppendPositionFrame(buf, b)
		default:
			buf = t.AppendItem(buf, b)
		}
		ch.records++
	}
	switch k.kind {
	case bodyBatch:
		buf = t.EndPositions(buf, mark)
	case bodySnapshot, bodyLagged:
		buf = t.EndSnapshotBody(buf)
	}
	ch.body = buf
	if ch.records > 0 {
		p.cache.recordBytes = len(buf)/int(ch.records) + 1
	}
	return ch
}

// changes returns live frames with the devices that changed after since, at their
// positions of the last seal; nil if none changed. ready is false if that is more than a
// slice and not encoded yet: then the caller has to wait for a build.
func (w *worker) changes(p *topicShard, s encoding, since uint64) (ch *Chunk, ready bool) {
	k := bodyKey{since: since, kind: bodyKind(s)}
	if ch = p.cache.byKey[k]; ch == nil {
		if w.exceedsSlice(p, since) {
			return nil, false
		}
		ch = w.body(p, k)
	}
	if ch.records == 0 {
		return nil, true
	}
	if ch.sealed != w.now { // encoded for an earlier tick, and still the state of the last seal
		ch = &Chunk{body: ch.body, shard: p, since: ch.since, records: ch.records, sealed: w.now}
		p.cache.put(k, ch)
	}
	return ch, true
}

// roundDown moves since back, so that its distance from the last seal is a power of two.
// A subscriber that has lost what came after since is sent everything after the result.
// So few bodies are encoded, however many subscribers lag.
func (p *topicShard) roundDown(since uint64) uint64 {
	if since >= p.sealed {
		return p.sealed
	}
	if d := uint64(1) << bits.Len64(p.sealed-since-1); d < p.sealed {
		return p.sealed - d
	}
	return 0
}
