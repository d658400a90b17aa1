package shard

// rosterBuild makes the roster frame in front of a lagged snapshot in slices, where
// the part has seen more joins and leaves than are a slice. The log does not change
// meanwhile, as the build begins again then.
type rosterBuild struct {
	merged
	next  int // the next move of the log
	names int // bytes of names so far, and what goes with each

	frame *Chunk
	mark  int
	at    int  // the next device of those merged
	left  bool // those that joined are in, those that left follow
	done  bool
}

// heavyRoster reports whether the joins and leaves after update since are more than
// a slice.
func (w *worker) heavyRoster(p *part, since uint64) bool {
	i := len(p.roster.moves) - 1 - w.core.building.devices
	return i >= 0 && p.roster.moves[i].seq > since
}

// newRosterBuild returns what b has to make before its snapshot, nil for nothing.
func (w *worker) newRosterBuild(b *build) *rosterBuild {
	p := b.part
	if b.form != formLagged || !w.heavyRoster(p, b.since) {
		return nil
	}
	return &rosterBuild{merged: merged{places: map[string]int{}}, next: p.roster.after(b.since)}
}

// goOn does a slice of r.
func (r *rosterBuild) goOn(p *part, most int) {
	t, ch := p.topic.frames, r.frame
	for ; most > 0 && !r.done; most-- {
		switch moves := p.roster.moves; {
		case r.next < len(moves):
			r.add(moves[r.next])
			r.names += len(moves[r.next].device) + 3 // quotes and a comma
			r.next++
		case ch == nil:
			ch = &Chunk{kind: chunkSnapshot}
			ch.body, r.mark = t.BeginRoster(uncleared(2*r.names + 6*len(t.Name()) + 128))
			r.frame = ch
		case r.at < len(r.last):
			m := r.last[r.at]
			if r.at++; m.added && !r.left || m.removed && r.left {
				ch.body = t.AppendName(ch.body, r.mark, m.device)
			}
		case !r.left:
			ch.body = t.EndAdded(ch.body)
			r.left, r.at = true, 0
		default:
			ch.body, r.done = t.EndRoster(ch.body, r.mark), true
		}
	}
}
