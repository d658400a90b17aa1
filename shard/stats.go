package shard

import "sync/atomic"

// counts are the counts of one turn. They are no atomics: only the owner of the turn
// adds to them.
type counts struct {
	orphans, duplicates, late, future, faulty uint64
	flushes, chunks, bytes                    uint64
	overflows, recoveries, built, corrected   uint64
	deflated, deflateIn, deflateOut           uint64
	fallen, fell, added, limited, bare        uint64
}

// stats are the same since New, published once per turn for Core.Stats.
type stats struct {
	orphans, duplicates, late, future, faulty atomic.Uint64
	flushes, chunks, bytes                    atomic.Uint64
	overflows, recoveries, built, corrected   atomic.Uint64
	deflated, deflateIn, deflateOut           atomic.Uint64
	fallen, fell, added, limited, bare        atomic.Uint64
	orphanDevices, devices                    atomic.Int64
}

// Stats is what the core has counted since New, over all shards.
type Stats struct {
	Orphans    uint64 // records of devices in no event
	Duplicates uint64 // records with the time of the one before
	Late       uint64 // records older than one seen before
	Future     uint64 // records whose device clock ran ahead, sent under their arrival time
	Faulty     uint64 // records marked faulty, not sent
	Fallen     uint64 // records of a clock that fell back, sent under their arrival time
	Fell       uint64 // times that a clock was found to have fallen back
	Added      uint64 // records with the time and place of the one before, and new attributes, which were added
	Limited    uint64 // positions kept back because their device was beyond its limit
	Bare       uint64 // positions sent without their attributes, which were too long
	Flushes    uint64 // times that a topic was sealed on a shard
	Chunks     uint64 // chunks built by that
	Bytes      uint64 // bytes in those chunks
	Overflows  uint64 // pushes refused by a full or lagging connection
	Recoveries uint64 // lagged snapshots sent
	Built      uint64 // snapshot and interval bodies encoded
	Deflated   uint64 // live chunks, snapshot and interval bodies compressed
	DeflateIn  uint64 // bytes before that
	DeflateOut uint64 // and after
	Corrected  uint64 // devices taken back because a position was marked faulty

	Ages Ages // of positions at the seal

	Devices       int64 // devices with a last value
	OrphanDevices int64 // those of them in no event
	InboxBatches  int   // batches waiting in the inboxes
	Held          int64 // bytes of chunks that connections hold, without the snapshots that are cached
}

// publish adds the turn's counts to the stats.
func (w *worker) publish() {
	c, s := &w.count, &w.stats
	if n := int64(len(w.devices)); n != s.devices.Load() {
		s.devices.Store(n)
	}
	if w.count == (counts{}) {
		return
	}
	for _, x := range [...]struct {
		to *atomic.Uint64
		n  uint64
	}{
		{&s.orphans, c.orphans}, {&s.duplicates, c.duplicates}, {&s.late, c.late},
		{&s.future, c.future}, {&s.faulty, c.faulty}, {&s.flushes, c.flushes},
		{&s.chunks, c.chunks}, {&s.bytes, c.bytes}, {&s.overflows, c.overflows},
		{&s.recoveries, c.recoveries}, {&s.built, c.built}, {&s.corrected, c.corrected},
		{&s.fallen, c.fallen}, {&s.fell, c.fell}, {&s.added, c.added}, {&s.limited, c.limited}, {&s.bare, c.bare},
		{&s.deflated, c.deflated}, {&s.deflateIn, c.deflateIn}, {&s.deflateOut, c.deflateOut},
	} {
		if x.n > 0 {
			x.to.Add(x.n)
		}
	}
	w.count = counts{}
}

// Stats adds up what the shards have counted. Any goroutine may call it.
func (c *Core) Stats() Stats {
	var t Stats
	for _, w := range c.workers {
		s := &w.stats
		t.Orphans += s.orphans.Load()
		t.Duplicates += s.duplicates.Load()
		t.Late += s.late.Load()
		t.Future += s.future.Load()
		t.Faulty += s.faulty.Load()
		t.Fallen += s.fallen.Load()
		t.Fell += s.fell.Load()
		t.Added += s.added.Load()
		t.Limited += s.limited.Load()
		t.Bare += s.bare.Load()
		t.Flushes += s.flushes.Load()
		t.Chunks += s.chunks.Load()
		t.Bytes += s.bytes.Load()
		t.Overflows += s.overflows.Load()
		t.Recoveries += s.recoveries.Load()
		t.Built += s.built.Load()
		t.Deflated += s.deflated.Load()
		t.DeflateIn += s.deflateIn.Load()
		t.DeflateOut += s.deflateOut.Load()
		t.Corrected += s.corrected.Load()
		w.ages.addTo(&t.Ages)
		t.Devices += s.devices.Load()
		t.OrphanDevices += s.orphanDevices.Load()
		t.InboxBatches += len(w.batches)
	}
	t.Held = c.memory.outstanding.Load()
	return t
}
