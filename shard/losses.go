package shard

// loss is what a writer dropped of one topic's shard: everything that changed
// after since, in a number of updates.
type loss struct {
	shard   *topicShard
	since   uint64
	updates uint64
}

// Losses collects what a writer drops of a lagged connection, until Recover.
// The zero value is empty. Only the connection's writer uses it, and for that
// connection alone.
type Losses struct {
	list []loss
	op   *op // of the last recovery, used again by the next: one at a time is under way
}

// Drop reports whether the rest of a queued chunk of a lagged connection may be dropped,
// and if so notes what is lost. The rest is everything after offset from, where a frame
// ends. The caller still releases the chunk. Drop returns false if there is no rest, or
// if it must be sent: a reply, the snapshot of a subscribe, or what a recovery brings.
//
// What a recovery brings is sent whole even if the connection lags again. Otherwise a
// connection that always lags again after the first part would never get the others.
// Memory stays bounded, because the next Recover waits until all of it is written.
func (l *Losses) Drop(ch *Chunk, from int) bool {
	if ch.kind != chunkLive || from == ch.Len() {
		return false
	}
	updates := uint64(ch.records) - ch.recordsTo(from)
	for i := range l.list {
		if e := &l.list[i]; e.shard == ch.shard {
			e.since = min(e.since, ch.since)
			e.updates += updates
			return true
		}
	}
	l.list = append(l.list, loss{ch.shard, ch.since, updates})
	return true
}
