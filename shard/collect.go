package shard

import "math/bits"

// bodyKey names an encoded state of a part: what changed after since, as it
// was after update upto, in a form.
type bodyKey struct {
	since, upto uint64
	form        form
}

type form uint8

const (
	formPlain    = form(shapePlain) // position frames
	formBatch    = form(shapeBatch) // one positions frame
	formSnapshot = form(shapes)     // the shared end of a snapshot frame
)

// bodies are the states that were encoded since the last seal, so that each is
// built once and shared by all who need the same.
type bodies struct {
	subscribed *Chunk
	byKey      map[bodyKey]*Chunk
}

// maxBodies bounds the cache of a part that is never sealed.
const maxBodies = 64

func (b *bodies) reset() {
	b.subscribed = nil
	if len(b.byKey) > 0 {
		clear(b.byKey)
	}
}

// firstSince returns the node that changed first after update since.
func (p *part) firstSince(since uint64) *node {
	var first *node
	for n := p.last; n != nil && n.seq > since; n = n.prev {
		first = n
	}
	return first
}

// at returns n's body as it was after update upto, if that came after since.
// upto is the last update or the last seal.
func (n *node) at(since, upto uint64) []byte {
	switch {
	case n.seq <= since:
		return nil
	case n.seq <= upto:
		return n.dev.val.buf
	case n.old != nil && n.oldSeq > since:
		return n.old.buf
	}
	return nil
}

// body returns the chunk for k, building it if need be. Its frames are whole
// but for formSnapshot, which is the end of a frame.
func (w *worker) body(p *part, k bodyKey) *Chunk {
	if ch := p.bodies.byKey[k]; ch != nil {
		return ch
	}
	w.count.built++
	ch := &Chunk{part: p, since: k.since}
	t, buf := p.topic.frames, []byte(nil)
	mark := 0
	switch k.form {
	case formBatch:
		buf, mark = t.BeginPositions(buf)
	case formSnapshot:
		buf = append(buf, `"positions":[`...)
	}
	for n := p.firstSince(k.since); n != nil; n = n.next {
		b := n.at(k.since, k.upto)
		if b == nil {
			continue
		}
		switch k.form {
		case formPlain:
			buf = t.AppendPositionFrame(buf, b)
		case formBatch:
			buf = t.AppendItem(buf, b)
		case formSnapshot:
			if ch.records > 0 {
				buf = append(buf, ',')
			}
			buf = append(buf, b...)
		}
		ch.records++
	}
	switch k.form {
	case formBatch:
		buf = t.EndPositions(buf, mark)
	case formSnapshot:
		buf = append(buf, "]}"...)
	}
	ch.body = buf
	if p.bodies.byKey == nil || len(p.bodies.byKey) >= maxBodies {
		p.bodies.byKey = make(map[bodyKey]*Chunk)
	}
	p.bodies.byKey[k] = ch
	return ch
}

// changes returns live frames with the newest position of each device that
// changed after since, as of update upto; nil when there is none.
func (w *worker) changes(p *part, s shape, since, upto uint64) *Chunk {
	ch := w.body(p, bodyKey{since, upto, form(s)})
	if ch.records == 0 {
		return nil
	}
	return ch
}

// subscribed returns the snapshot part for new subscribers of the live flow:
// the state at the last seal. It is built once per seal and shared.
func (w *worker) subscribed(p *part) *Chunk {
	if p.bodies.subscribed == nil {
		p.bodies.subscribed = w.snapshot(p, p.sealed)
	}
	return p.bodies.subscribed
}

// snapshot returns a whole snapshot part with the state after update upto.
func (w *worker) snapshot(p *part, upto uint64) *Chunk {
	return w.headed(p, w.body(p, bodyKey{0, upto, formSnapshot}), chunkSnapshot, "subscribe", 0)
}

// lagged returns the snapshot part for s, which has lost what came after
// since. The start is rounded down to a power of two of updates, so that few
// bodies are built however many have lagged.
func (w *worker) lagged(s *sub, since, conflated uint64) *Chunk {
	p, upto := s.part, s.part.sealed
	if s.class != classNone {
		upto = p.seq
	}
	start := uint64(0)
	if since < upto {
		if d := uint64(1) << bits.Len64(upto-since-1); d < upto {
			start = upto - d
		}
	} else {
		start = upto
	}
	ch := w.headed(p, w.body(p, bodyKey{start, upto, formSnapshot}), chunkLagged, "lagged", conflated)
	ch.since, ch.conflated = min(since, upto), conflated
	return ch
}

func (w *worker) headed(p *part, body *Chunk, kind chunkKind, reason string, conflated uint64) *Chunk {
	head := p.topic.frames.AppendSnapshotHead(nil, len(body.body), w.id+1, len(p.topic.parts), reason, conflated)
	return &Chunk{head: head, body: body.body, part: p, since: body.since, records: body.records, kind: kind}
}
