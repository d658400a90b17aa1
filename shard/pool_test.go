package shard

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"pitwall/codec"
)

func emptyPool() pool { return pool{memory: new(memory)} }

func TestPoolReusesReleasedChunks(t *testing.T) {
	p := emptyPool()
	c := p.get(100)
	c.body = append(c.body, "frame"...)
	p.startBroadcasts(c, 1)
	c.Release(1) // a writer releases it before the push has ended
	p.endBroadcast(c, 2)
	if again := p.get(100); again == c {
		t.Fatal("a chunk was reused that a connection still has")
	}
	c.Release(1)
	again := p.get(100)
	if again != c || len(again.body) != 0 || again.records != 0 {
		t.Fatalf("got %+v, want the first chunk, empty", again)
	}
	if n := p.memory.outstanding.Load(); n != 0 {
		t.Errorf("%d bytes are outstanding at rest", n)
	}
}

func TestPoolReusesChunksThatNobodyTook(t *testing.T) {
	p := emptyPool()
	c := p.get(10)
	p.startBroadcasts(c, 1)
	p.endBroadcast(c, 0)
	if p.get(10) != c {
		t.Fatal("a chunk that no connection took was not reused")
	}
}

// If thousands of chunks are released at the same time, each get recycles a few, so that
// no get takes long. All are reused before a new one is made.
func TestPoolCollectsAFewAtATime(t *testing.T) {
	const n = 1000
	p := emptyPool()
	out := map[*Chunk]bool{}
	for range n {
		c := p.get(100)
		p.startBroadcasts(c, 1)
		p.endBroadcast(c, 1)
		out[c] = true
	}
	for c := range out {
		c.Release(1)
	}
	for i := range n {
		before := len(p.spare)
		c := p.get(100)
		if !out[c] {
			t.Fatalf("get %d made a new chunk, although %d were released", i, n)
		}
		if delete(out, c); len(p.spare)+1-before > collectAtOnce {
			t.Fatalf("get %d recycled %d chunks, want at most %d", i, len(p.spare)+1-before, collectAtOnce)
		}
	}
	if p.collected != nil || len(p.spare) > 0 {
		t.Errorf("%d chunks are spare, others not recycled: %v", len(p.spare), p.collected != nil)
	}
}

func TestPoolBoundsItsSpareChunks(t *testing.T) {
	p := emptyPool()
	for range maxSpareChunks + 10 {
		p.put(&Chunk{pool: &p})
	}
	if n := len(p.spare); n != maxSpareChunks {
		t.Errorf("%d spare chunks, want %d", n, maxSpareChunks)
	}
}

// The spare bytes of all pools together are bounded: a core has several pools for each of
// its shards.
func TestPoolsBoundTheirSpareBytesTogether(t *testing.T) {
	m := new(memory)
	pools := []pool{{memory: m}, {memory: m}, {memory: m}}
	spare := func() (n int) {
		for i := range pools {
			for _, c := range pools[i].spare {
				n += c.memoryBytes()
			}
		}
		return n
	}
	for i := range 15 {
		p := &pools[i%len(pools)]
		p.put(&Chunk{pool: p, body: make([]byte, 0, maxSpareChunk)})
		if m.spare.Load() != int64(spare()) {
			t.Fatalf("%d spare bytes are counted, there are %d", m.spare.Load(), spare())
		}
	}
	if n := spare(); n != maxSpareBytes {
		t.Errorf("%d spare bytes, want %d", n, maxSpareBytes)
	}
	pools[0].get(maxSpareChunk)
	if n := spare(); n != maxSpareBytes-maxSpareChunk || m.spare.Load() != int64(n) {
		t.Errorf("%d spare bytes and %d counted after one chunk was taken, want %d", n, m.spare.Load(), maxSpareBytes-maxSpareChunk)
	}
	pools[1].put(&Chunk{pool: &pools[1], body: make([]byte, maxSpareChunk+1)})
	if n := spare(); n != maxSpareBytes-maxSpareChunk {
		t.Errorf("%d spare bytes with a chunk that is too large for any pool, want %d", n, maxSpareBytes-maxSpareChunk)
	}
}

// A large chunk is not given to a quiet topic, which may need it for hours.
func TestPoolSavesLargeChunksForBusyTopics(t *testing.T) {
	p := emptyPool()
	large := p.get(100_000)
	p.put(large)
	if c := p.getToKeep(1000); c == large || cap(c.body) > 4000 {
		t.Fatalf("1,000 bytes to keep got %d", cap(c.body))
	}
	if p.getToKeep(90_000) != large {
		t.Error("a chunk that fits was not reused")
	}
}

// The memory that many recovered connections have released is recycled before the next
// recovery.
func TestSealsRecycleTheMemoryOfRecoveries(t *testing.T) {
	r, clients, positions := oneEvent(t, 50, 20, true)
	lost := lostBy(clients)
	for range 5 {
		cycle(r, clients, positions)
		recoverAll(r, clients, lost)
	}
	for _, c := range clients {
		c.drain()
	}
	for range 200 {
		cycle(r, clients, positions)
	}
	w := r.core.workers[0]
	for name, p := range map[string]*pool{"bodies": &w.bodyPool, "heads": &w.headPool} {
		if p.collected != nil || p.returned.Load() != nil {
			t.Errorf("%s are released and not recycled", name)
		}
		if len(p.spare) == 0 {
			t.Errorf("no spare %s", name)
		}
	}
}

// outstandingHead returns a head for body that one connection has taken.
func (w *worker) outstandingHead(p *topicShard, body *Chunk) *Chunk {
	h := w.snapshotFrame(p, body, codec.SnapshotLagged, 0)
	w.headPool.startBroadcasts(h, 1)
	w.headPool.endBroadcast(h, 1)
	return h
}

// The body of a snapshot frame is shared. It is recycled when it is no longer cached and
// every head for it is released.
func TestBodyIsReleasedAfterItsHeads(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"d"}})
	topic, _ := r.core.Watch("e")
	w, p := r.core.workers[0], topic.shards[0]
	outstanding := func(when string, bytes, cached int) {
		t.Helper()
		want(t, "outstanding bytes "+when, r.core.Stats().OutstandingBytes, int64(bytes))
		want(t, "outstanding and cached bytes "+when, r.core.inUseBytes(), int64(bytes+cached))
	}
	body := w.body(p, bodyKey{kind: bodySnapshot})
	var heads []*Chunk
	for range 3 {
		heads = append(heads, w.outstandingHead(p, body))
	}
	outstanding("with a cached body", 3*headRoom, cap(body.body))
	heads[0].Release(1)
	p.cache.invalidate()
	outstanding("after the cache was emptied", 2*headRoom+cap(body.body), 0)
	heads[1].Release(1)
	if w.bodyPool.get(0) == body {
		t.Fatal("the body was reused while a head of it was outstanding")
	}
	heads[2].Release(1)
	size := cap(body.body)
	outstanding("in the end", 0, 0)
	want(t, "spare bytes", r.core.memory.spare.Load(), int64(3*headRoom+size))
	if w.bodyPool.get(0) != body {
		t.Error("the body was not reused")
	}
	if h := w.headPool.getHead(); !slices.Contains(heads, h) || h.shares != nil || h.body != nil || len(h.head) != 0 {
		t.Errorf("got %+v, want one of the heads, empty", h)
	}
}

// A topic shard that is never sealed drops its cached bodies when there are too many. The
// bodies of outstanding heads are not reused.
func TestSnapshotCacheIsBounded(t *testing.T) {
	r := newRig(t, Config{Shards: 1, Deflate: newDeflater})
	r.roster(map[string][]string{"e": {"d"}})
	topic, _ := r.core.Watch("e")
	w, p := r.core.workers[0], topic.shards[0]
	bodies := map[*Chunk]bool{}
	for since := range uint64(5 * maxCached) {
		for _, f := range []bodyKind{bodyCompressed, bodySnapshot, bodyCompressedSnapshot} {
			body := w.body(p, bodyKey{since: since, kind: f})
			if h := w.outstandingHead(p, body); h.since != since {
				t.Fatalf("got the changes since %d, want those since %d", h.since, since)
			}
			if f == bodySnapshot {
				if bodies[body] {
					t.Fatal("a body was reused while a head of it was outstanding")
				}
				bodies[body] = true
			}
			if n := len(p.cache.byKey); n > maxCached {
				t.Fatalf("%d bodies are cached, want at most %d", n, maxCached)
			}
		}
	}
}

// TestPoolStress fills each chunk with its number. Readers, in the place of connections'
// writers, check the bytes before they release the chunk. A chunk that is reused too early
// shows as a wrong byte or a data race.
func TestPoolStress(t *testing.T) {
	const readers, rounds = 3, 20000
	p := emptyPool()
	var wg sync.WaitGroup
	feeds := make([]chan *Chunk, readers)
	for i := range feeds {
		feeds[i] = make(chan *Chunk, 8)
		wg.Go(func() {
			for c := range feeds[i] {
				for _, b := range c.body {
					if b != byte(c.records) {
						t.Errorf("chunk %d has byte %d", byte(c.records), b)
						break
					}
				}
				c.Release(1)
			}
		})
	}
	reused := map[*Chunk]bool{}
	for n := range rounds {
		c := p.get(64)
		reused[c] = true
		c.records = uint32(n)
		for range 64 {
			c.body = append(c.body, byte(n))
		}
		p.startBroadcasts(c, 1)
		for _, f := range feeds {
			f <- c
		}
		p.endBroadcast(c, readers)
		if n%256 == 0 {
			runtime.Gosched()
		}
	}
	for _, f := range feeds {
		close(f)
	}
	wg.Wait()
	if len(reused) > rounds/2 {
		t.Errorf("%d chunks in %d rounds: they are not reused", len(reused), rounds)
	}
}

// inUseBytes is the memory of the chunks that connections have not released and of the
// cached snapshots.
func (c *Core) inUseBytes() int64 { return c.memory.outstanding.Load() + c.memory.retained.Load() }
