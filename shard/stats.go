package shard

import "sync/atomic"

// What a shard counts; see the fields of Stats.
const (
	countOrphans = iota
	countDuplicates
	countLate
	countFuture
	countFaulty
	countFallen
	countFallenClocks
	countAdded
	countLimited
	countAttributesTooLong
	countFlushes
	countChunks
	countBytes
	countOverflows
	countRecoveries
	countBuilt
	countDeflated
	countDeflateIn
	countDeflateOut
	countCorrected
	countKinds
)

// counts are the counts of one turn. They are not atomic: only the owner of the turn
// adds to them.
type counts [countKinds]uint64

// stats are the counts since New, published once per turn for Core.Stats.
type stats struct {
	counts                 [countKinds]atomic.Uint64
	orphanDevices, devices atomic.Int64
}

// Stats is what the core has counted since New, over all shards.
type Stats struct {
	Orphans           uint64 // records of devices in no event
	Duplicates        uint64 // records with the time of the position shown that add nothing
	Late              uint64 // records older than the position shown, not sent
	Future            uint64 // records whose device clock ran ahead, dated by their arrival
	Faulty            uint64 // records marked faulty, not sent
	Fallen            uint64 // records of a clock that fell back, dated by their arrival or by the offset of the clock
	FallenClocks      uint64 // times that a clock was found to have fallen back
	Added             uint64 // records with the time and place of the one before, and new attributes, which were added
	Limited           uint64 // positions kept back because their device was beyond its limit
	AttributesTooLong uint64 // positions sent without their attributes, which were too long
	Flushes           uint64 // times that a topic was sealed on a shard
	Chunks            uint64 // chunks built by that
	Bytes             uint64 // bytes in those chunks
	Overflows         uint64 // pushes refused by a full or lagging connection
	Recoveries        uint64 // lagged snapshots sent
	Built             uint64 // snapshot and interval bodies encoded
	Deflated          uint64 // live chunks, snapshot and interval bodies compressed
	DeflateIn         uint64 // bytes before compression
	DeflateOut        uint64 // bytes after compression
	Corrected         uint64 // devices taken back because a position was marked faulty

	Ages Ages // of positions at the seal

	Devices          int64 // devices that the shards know, nearly all of them with a last value
	OrphanDevices    int64 // those of them in no event
	InboxBatches     int   // batches waiting in the inboxes
	OutstandingBytes int64 // bytes of chunks that connections hold, without the snapshots that are cached
}

// publish adds the turn's counts to the stats.
func (w *worker) publish() {
	if n := int64(len(w.devices)); n != w.stats.devices.Load() {
		w.stats.devices.Store(n)
	}
	for i, n := range w.count {
		if n > 0 {
			w.stats.counts[i].Add(n)
		}
	}
	w.count = counts{}
}

// Stats adds up what the shards have counted. Any goroutine may call it.
func (c *Core) Stats() Stats {
	var n counts
	var t Stats
	for _, w := range c.workers {
		for i := range n {
			n[i] += w.stats.counts[i].Load()
		}
		w.ages.addTo(&t.Ages)
		t.Devices += w.stats.devices.Load()
		t.OrphanDevices += w.stats.orphanDevices.Load()
		t.InboxBatches += len(w.batches)
	}
	t.OutstandingBytes = c.memory.outstanding.Load()
	t.Orphans, t.Duplicates, t.Late = n[countOrphans], n[countDuplicates], n[countLate]
	t.Future, t.Faulty, t.Fallen, t.FallenClocks = n[countFuture], n[countFaulty], n[countFallen], n[countFallenClocks]
	t.Added, t.Limited, t.AttributesTooLong = n[countAdded], n[countLimited], n[countAttributesTooLong]
	t.Flushes, t.Chunks, t.Bytes = n[countFlushes], n[countChunks], n[countBytes]
	t.Overflows, t.Recoveries, t.Built = n[countOverflows], n[countRecoveries], n[countBuilt]
	t.Deflated, t.DeflateIn, t.DeflateOut = n[countDeflated], n[countDeflateIn], n[countDeflateOut]
	t.Corrected = n[countCorrected]
	return t
}
