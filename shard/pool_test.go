package shard

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"pitwall/codec"
)

func emptyPool() pool { return pool{memory: new(memory)} }

func TestPoolReusesWhatAllReleased(t *testing.T) {
	p := emptyPool()
	c := p.get(100)
	c.body = append(c.body, "frame"...)
	p.startBroadcasts(c, 1)
	c.Release(1) // one writer is faster than the shard
	p.endBroadcast(c, 2)
	if again := p.get(100); again == c {
		t.Fatal("a chunk came back that a connection still has")
	}
	c.Release(1)
	again := p.get(100)
	if again != c || len(again.body) != 0 || again.records != 0 {
		t.Fatalf("got %+v, want the first chunk, empty", again)
	}
	if n := p.memory.outstanding.Load(); n != 0 {
		t.Errorf("%d bytes held at rest", n)
	}
}

func TestPoolKeepsWhatNobodyTook(t *testing.T) {
	p := emptyPool()
	c := p.get(10)
	p.startBroadcasts(c, 1)
	p.endBroadcast(c, 0)
	if p.get(10) != c {
		t.Fatal("a chunk that no connection took was not kept")
	}
}

// Of thousands of chunks that are returned at once, each get recycles a few,
// so that no get takes long, and all are used again before a new one is made.
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
			t.Fatalf("get %d made a new chunk though %d have come back", i, n)
		}
		if delete(out, c); len(p.spare)+1-before > collectAtOnce {
			t.Fatalf("get %d put %d chunks back, want %d at most", i, len(p.spare)+1-before, collectAtOnce)
		}
	}
	if p.collected != nil || len(p.spare) > 0 {
		t.Errorf("%d chunks are left and some not put back: %v", len(p.spare), p.collected != nil)
	}
}

func TestPoolBoundsWhatItKeeps(t *testing.T) {
	p := emptyPool()
	for range maxSpareChunks + 10 {
		p.put(&Chunk{pool: &p})
	}
	if n := len(p.spare); n != maxSpareChunks {
		t.Errorf("%d chunks kept, want %d", n, maxSpareChunks)
	}
}

// The bytes that wait to be used again are bounded for all pools together, not
// for each: a core has several for each of its shards.
func TestPoolsBoundTheirBytesTogether(t *testing.T) {
	m := new(memory)
	pools := []pool{{memory: m}, {memory: m}, {memory: m}}
	kept := func() (n int) {
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
		if m.spare.Load() != int64(kept()) {
			t.Fatalf("%d bytes are counted, %d kept", m.spare.Load(), kept())
		}
	}
	if n := kept(); n != maxSpareBytes {
		t.Errorf("%d bytes kept, want %d", n, maxSpareBytes)
	}
	pools[0].get(maxSpareChunk)
	if n := kept(); n != maxSpareBytes-maxSpareChunk || m.spare.Load() != int64(n) {
		t.Errorf("%d bytes kept and %d counted after one chunk was taken, want %d", n, m.spare.Load(), maxSpareBytes-maxSpareChunk)
	}
	pools[1].put(&Chunk{pool: &pools[1], body: make([]byte, maxSpareChunk+1)})
	if n := kept(); n != maxSpareBytes-maxSpareChunk {
		t.Errorf("%d bytes kept with one chunk that is too large by itself, want %d", n, maxSpareBytes-maxSpareChunk)
	}
}

// What a busy topic has used is too much for a quiet one, which may keep it for
// hours.
func TestPoolKeepsLargeChunksForTheBusy(t *testing.T) {
	p := emptyPool()
	large := p.get(100_000)
	p.put(large)
	if c := p.getToKeep(1000); c == large || cap(c.body) > 4000 {
		t.Fatalf("1,000 bytes to keep got %d", cap(c.body))
	}
	if p.getToKeep(90_000) != large {
		t.Error("a chunk that fits was not used again")
	}
}

// After many connections have recovered, the memory that they released does not wait
// for the next recovery to be recycled.
func TestSealsCollectWhatARecoveryUsed(t *testing.T) {
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
	for name, p := range map[string]*pool{"ends": &w.bodyPool, "heads": &w.headPool} {
		if p.collected != nil || p.returned.Load() != nil {
			t.Errorf("%s have come back and wait", name)
		}
		if len(p.spare) == 0 {
			t.Errorf("no %s to be used again", name)
		}
	}
}

// headOut returns a head for body that one connection has.
func (w *worker) headOut(p *topicShard, body *Chunk) *Chunk {
	h := w.snapshotFrame(p, body, codec.SnapshotLagged, 0)
	w.headPool.startBroadcasts(h, 1)
	w.headPool.endBroadcast(h, 1)
	return h
}

// The end of a snapshot frame is shared: it is recycled when it is out of the
// cache and every head made for it is released.
func TestBodyIsReleasedAfterItsHeads(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"d"}})
	topic, _ := r.core.Watch("e")
	w, p := r.core.workers[0], topic.shards[0]
	held := func(what string, bytes, kept int) {
		t.Helper()
		want(t, "held "+what, r.core.Stats().Held, int64(bytes))
		want(t, "held and kept "+what, r.core.HeldBytes(), int64(bytes+kept))
	}
	body := w.body(p, bodyKey{kind: bodySnapshot})
	var heads []*Chunk
	for range 3 {
		heads = append(heads, w.headOut(p, body))
	}
	held("of a body that is kept", 3*headRoom, cap(body.body))
	heads[0].Release(1)
	p.cache.invalidate()
	held("after the reset", 2*headRoom+cap(body.body), 0)
	heads[1].Release(1)
	if w.bodyPool.get(0) == body {
		t.Fatal("the body came back while a head of it was out")
	}
	heads[2].Release(1)
	size := cap(body.body)
	held("in the end", 0, 0)
	want(t, "free to be used again", r.core.PooledBytes(), int64(3*headRoom+size))
	if w.bodyPool.get(0) != body {
		t.Error("the body did not come back")
	}
	if h := w.headPool.getHead(); !slices.Contains(heads, h) || h.shares != nil || h.body != nil || len(h.head) != 0 {
		t.Errorf("got %+v, want one of the heads, empty", h)
	}
}

// A topic shard that is never sealed drops the states that it has encoded when they
// become too large. Heads that connections have keep their bodies.
func TestSnapshotCacheIsBounded(t *testing.T) {
	r := newRig(t, Config{Shards: 1, Deflate: newFlater})
	r.roster(map[string][]string{"e": {"d"}})
	topic, _ := r.core.Watch("e")
	w, p := r.core.workers[0], topic.shards[0]
	bodies := map[*Chunk]bool{}
	for since := range uint64(5 * maxCached) {
		for _, f := range []bodyKind{bodyCompressed, bodySnapshot, bodyCompressedSnapshot} {
			body := w.body(p, bodyKey{since: since, kind: f})
			if h := w.headOut(p, body); h.since != since {
				t.Fatalf("asked for what changed after %d, got %d", since, h.since)
			}
			if f == bodySnapshot {
				if bodies[body] {
					t.Fatal("a body came back while a head of it was out")
				}
				bodies[body] = true
			}
			if n := len(p.cache.byKey); n > maxCached {
				t.Fatalf("%d bodies kept, want %d at most", n, maxCached)
			}
		}
	}
}

// TestPoolStress writes each chunk's number all over its bytes; readers, like
// writers of connections, check them before they release it. A chunk that is
// reused too early shows as a wrong byte, or as a data race.
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
		t.Errorf("%d chunks for %d rounds: nothing is reused", len(reused), rounds)
	}
}
