package shard

// rosterBuild makes a roster frame with the joins and leaves of a part of the log. If it
// is made in slices before a lagged snapshot and the log changes meanwhile, the build
// begins again.
type rosterBuild struct {
	next   int            // the next change of the log to merge
	to     uint64         // the last update whose changes are merged
	places map[string]int // in merged
	merged []rosterChange // one per device
	names  int            // bytes of names so far, with quotes and commas

	frame    *Chunk // empty if there are no changes
	mark     int
	at       int  // the next device of merged
	removing bool // the devices that joined are in the frame, those that left come next
	done     bool
}

// rosterExceedsSlice reports whether the joins and leaves after update since are more
// than a slice.
func (w *worker) rosterExceedsSlice(p *topicShard, since uint64) bool {
	i := len(p.roster.changes) - 1 - w.core.building.devices
	return i >= 0 && p.roster.changes[i].seq > since
}

// newRosterBuild returns the build of a frame with the devices that joined or left after
// update since, up to update to.
func newRosterBuild(l *rosterLog, since, to uint64) *rosterBuild {
	return &rosterBuild{next: l.after(since), to: to, places: map[string]int{}}
}

// advance does a slice of r, of most steps.
func (r *rosterBuild) advance(p *topicShard, most int) {
	t, ch := p.topic.frames, r.frame
	for ; most > 0 && !r.done; most-- {
		switch {
		case r.merge(&p.roster):
		case ch == nil:
			ch = &Chunk{kind: chunkSnapshot}
			r.frame = ch
			if r.done = len(r.merged) == 0; !r.done {
				ch.body, r.mark = t.BeginRoster(makeNoZero(2*r.names + 6*len(t.Name()) + 128))
			}
		case r.at < len(r.merged):
			m := r.merged[r.at]
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

// merge merges the next change of l. It returns false if there is none. A device that
// has left and joined again is both added and removed: its position now may be older than
// the one that a client shows, which therefore must remove the device first.
func (r *rosterBuild) merge(l *rosterLog) bool {
	if r.next == len(l.changes) || l.changes[r.next].seq > r.to {
		return false
	}
	m := l.changes[r.next]
	r.next++
	if i, ok := r.places[m.device]; ok {
		old := &r.merged[i]
		old.added, old.removed = m.added, m.removed || old.removed
		return true
	}
	r.places[m.device] = len(r.merged)
	r.merged = append(r.merged, m)
	r.names += len(m.device) + 3 // quotes and a comma
	return true
}
