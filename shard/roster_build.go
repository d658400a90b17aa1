package shard

// rosterBuild makes the roster frame before a lagged snapshot in slices, where there
// were more joins and leaves than fit a slice. If the log changes meanwhile, the build
// begins again.
type rosterBuild struct {
	mergedChanges
	next  int // the next change of the log to merge
	names int // bytes of names so far, with quotes and commas

	frame    *Chunk
	mark     int
	at       int  // the next device of the merged ones
	removing bool // the devices that joined are in the frame, those that left come next
	done     bool
}

// rosterExceedsSlice reports whether the joins and leaves after update since are more
// than a slice.
func (w *worker) rosterExceedsSlice(p *topicShard, since uint64) bool {
	i := len(p.roster.changes) - 1 - w.core.building.devices
	return i >= 0 && p.roster.changes[i].seq > since
}

// newRosterBuild returns what b has to make before its snapshot, nil for nothing.
func (w *worker) newRosterBuild(b *build) *rosterBuild {
	p := b.shard
	if b.kind != bodyLagged || !w.rosterExceedsSlice(p, b.since) {
		return nil
	}
	return &rosterBuild{mergedChanges: mergedChanges{places: map[string]int{}}, next: p.roster.after(b.since)}
}

// advance does a slice of r.
func (r *rosterBuild) advance(p *topicShard, most int) {
	t, ch := p.topic.frames, r.frame
	for ; most > 0 && !r.done; most-- {
		switch moves := p.roster.changes; {
		case r.next < len(moves):
			r.add(moves[r.next])
			r.names += len(moves[r.next].device) + 3 // quotes and a comma
			r.next++
		case ch == nil:
			ch = &Chunk{kind: chunkSnapshot}
			ch.body, r.mark = t.BeginRoster(makeNoZero(2*r.names + 6*len(t.Name()) + 128))
			r.frame = ch
		case r.at < len(r.last):
			m := r.last[r.at]
			if r.at++; m.added && !r.removing || m.removed && r.removing {
				ch.body = t.AppendName(ch.body, r.mark, m.device)
			}
		case !r.removing:
			ch.body = t.EndAdded(ch.body)
			r.removing, r.at = true, 0
		default:
			ch.body, r.done = t.EndRoster(ch.body, r.mark), true
		}
	}
}
