package shard

import (
	"context"
	"slices"

	"pitwall/codec"
)

// Stamp names a stored position of a device: TS is its own time, and with the
// device the key of its row; Arrival is when it reached Redis. Both are in ms
// since the Unix epoch.
type Stamp struct{ TS, Arrival int64 }

// MaxFaulty is how many faulty positions a Correction names at most.
const MaxFaulty = 64

// Correction tells that positions of a device were marked faulty, or that the mark was
// removed, after they may have been shown.
type Correction struct {
	Device string
	// Good is the newest good position that is known, nil for none.
	Good *codec.Position
	// Faulty are the faulty positions that are newer than Good in live time, or did not
	// arrive before it, newest first, at most MaxFaulty. A list of MaxFaulty may have left
	// some out: then every position between Good and the last one of the list counts as
	// faulty. Faulty positions are refused, however often they come, until a later
	// Correction of the device does not name them. What the device has sent since is not
	// touched.
	Faulty []Stamp
}

// Correct takes devices back to their last good positions, and returns when every
// shard has done so. Subscribers get the positions in a snapshot with the reason
// corrected. A device without any good position leaves the map (a roster frame that
// removes and adds it) and comes back with its next position. The Good positions are
// borrowed until Correct returns. It fails only if ctx ends first; part of the list may
// then have been corrected. One goroutine at a time may call it.
func (c *Core) Correct(ctx context.Context, list []Correction) error {
	for {
		n := correctAtOnce(list)
		o := &op{kind: opCorrect, corrections: make([][]Correction, len(c.workers))}
		for _, x := range list[:n] {
			i := c.ShardOf(x.Device)
			o.corrections[i] = append(o.corrections[i], x)
		}
		list = list[n:]
		if err := c.carryOut(ctx, o, "correct positions"); err != nil || len(list) == 0 {
			return err
		}
	}
}

// Bounds of one command, which a shard carries out within one turn.
const (
	correctDevices = 128
	correctBytes   = 64 << 10 // of attributes, not counting the last device's
)

// correctAtOnce is how many of the list one command corrects.
func correctAtOnce(list []Correction) int {
	size := 0
	for i, x := range list[:min(len(list), correctDevices)] {
		if x.Good != nil {
			size += len(x.Good.Attributes)
		}
		if size > correctBytes {
			return i + 1
		}
	}
	return min(len(list), correctDevices)
}

// patch is what corrections change in one topic shard.
type patch struct {
	shard *topicShard
	back  []*membership // of devices that are at an older position now
	gone  []string      // devices without a position now
}

// correct carries out opCorrect on this shard.
func (w *worker) correct(o *op) {
	var patches []patch
	places := map[*topicShard]int{}
	for i := range o.corrections[w.id] {
		x := &o.corrections[w.id][i]
		d := w.devices[x.Device]
		if d == nil {
			w.expect(x)
			continue
		}
		w.showHeld(d)
		for _, n := range d.memberships {
			w.finishTicks(n.shard) // otherwise they would send the older position as a new one
		}
		if !w.fallBack(d, x) {
			continue
		}
		w.count[countCorrected]++
		for _, n := range d.memberships {
			at, ok := places[n.shard]
			if !ok {
				at = len(patches)
				places[n.shard] = at
				patches = append(patches, patch{shard: n.shard})
			}
			if d.val != nil {
				patches[at].back = append(patches[at].back, n)
			} else {
				patches[at].gone = append(patches[at].gone, d.id)
				w.forgetValue(n)
			}
		}
	}
	for i := range patches {
		w.patch(&patches[i])
	}
}

// expect notes the faulty positions of a device that is new to this shard, if it is in
// an event: the archive may have read them before the shard.
func (w *worker) expect(x *Correction) {
	if len(x.Faulty) == 0 || len(w.snap.Topics(x.Device)) == 0 {
		return
	}
	d := w.addDevice(x.Device)
	good, _ := w.goodTime(d, x)
	d.bans = w.bansOf(d, x, good)
}

// goodTime is the live time of x's good position, and how it was found; 0 without one.
func (w *worker) goodTime(d *device, x *Correction) (int64, dating) {
	if x.Good == nil {
		return 0, datedItself
	}
	return w.date(d, x.Good)
}

// fallBack takes a device back to its last good position if what is shown is faulty,
// and reports whether it did. Otherwise the good position is taken in like any other,
// since it may be newer than what is shown.
func (w *worker) fallBack(d *device, x *Correction) bool {
	good, by := w.goodTime(d, x)
	d.bans = w.bansOf(d, x, good)
	if d.bans.has(d.clock.ownTS, d.clock.ownTS) {
		d.clock.ownTS = 0 // a faulty position makes no other one late
	}
	if d.val == nil || !d.bans.has(d.shown.ts, d.shown.mark) {
		if x.Good != nil {
			w.addPending(w.takeIn(x.Good, true, 0))
		}
		return false
	}
	w.values.release(d.val)
	d.val, d.shown = nil, lastShown{mark: good}
	if x.Good != nil {
		w.show(d, x.Good, decision{live: good, by: by, adjusted: by != datedItself, current: w.isCurrent(x.Good)})
		d.val = w.values.fresh()
		d.val.buf = w.appendBody(d.val.buf, x.Good, good, new(counts))
	}
	return true
}

// forgetValue makes n a membership that never had a value.
func (w *worker) forgetValue(n *membership) {
	p := n.shard
	w.values.release(n.old)
	n.old, n.seq, n.fixed = nil, 0, 0
	p.unlink(n)
	p.linkOldest(n)
}

// patch sends the corrections of a topic shard to its subscribers, after everything that
// is pending for them. Then it seals, so that no new subscriber starts from the state
// before the corrections.
func (w *worker) patch(x *patch) {
	p := x.shard
	p.cache.invalidate()
	w.noteChange(p)
	if len(x.gone) > 0 {
		p.seq++
		for _, id := range x.gone { // for connections that lag: the device left, and may come back
			w.logChange(p, rosterChange{device: id, added: true, removed: true})
		}
		w.announce(p, p.topic.frames.AppendRosterFrame(nil, x.gone, x.gone), p.seq-1)
	}
	since := p.seq
	for _, n := range x.back {
		w.releaseReplaced(n)
		p.touch(n)
		n.fixed = n.seq
	}
	if p.seq > since {
		p.fixed = p.seq
		ch := w.corrected(p, since, p.seq)
		w.announce(p, slices.Concat(ch.head, ch.body), since)
		w.headPool.put(ch)
	}
	if p.watchers > 0 {
		w.seal(p, w.now)
	}
}

// corrected returns a snapshot of the devices that were corrected after since, as they
// were at update upTo. It may go back in time, which is why it has a frame of its own.
func (w *worker) corrected(p *topicShard, since, upTo uint64) *Chunk {
	t := p.topic.frames
	body := &Chunk{since: since, body: t.BeginSnapshotBody(nil)}
	for n, _ := p.firstSince(since); n != nil; n = n.next {
		b, _ := n.bodyAt(upTo, since)
		if b == nil || n.fixed <= since {
			continue
		}
		body.body = t.AppendItem(body.body, b)
		body.records++
	}
	body.body = t.EndSnapshotBody(body.body)
	return w.snapshotFrame(p, body, codec.SnapshotCorrected, 0)
}
