package shard

// While a position is pending, its membership keeps the value of the last seal in
// membership.old, which is what a snapshot shows. A seal replaces all of these at once.
// To release each of them within the seal would take a millisecond for 50,000
// devices, so later turns release them in slices.
//
// A membership's old value is replaced once membership.seq is at most
// topicShard.sealed. Then only a build that began before that seal reads it. The list
// of memberships is in order of last change, so those with a replaced value follow each
// other: topicShard.replaced is the first of them, and the first whose value is in use
// ends them.

// releaseLater has later turns release the old values of p's memberships, which a seal
// is about to replace.
func (w *worker) releaseLater(p *topicShard) {
	if p.replaced != nil && !p.releasing {
		p.releasing = true
		w.releasing = append(w.releasing, p)
	}
}

// releaseSlice releases replaced values, one slice in all topics together.
func (w *worker) releaseSlice() {
	most, done := w.core.building.devices, 0
	for _, p := range w.releasing {
		for ; most > 0 && p.replacing(); most-- {
			n := p.replaced
			p.replaced = n.next
			w.releaseReplaced(n)
		}
		if p.replacing() {
			break
		}
		p.releasing = false
		done++
	}
	if done > 0 {
		kept := copy(w.releasing, w.releasing[done:])
		clear(w.releasing[kept:])
		w.releasing = w.releasing[:kept]
	}
}

// replacing reports whether p may have a replaced value.
func (p *topicShard) replacing() bool { return p.replaced != nil && p.replaced.seq <= p.sealed }

// releaseReplaced releases the value that n keeps, if a seal has replaced it. It
// is called before n changes, too: from then on, what n keeps is in use.
func (w *worker) releaseReplaced(n *membership) {
	p := n.shard
	if n.old == nil || n.seq > p.sealed {
		return
	}
	if b := p.build; b != nil && n.seq > b.base {
		p.pin(n, nil)
	}
	w.values.release(n.old)
	n.old = nil
}
