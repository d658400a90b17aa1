package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// maxCached bounds the entries of a cache. A full cache evicts expired entries, and
// if there are none, an eighth of the others at random. Made-up credentials can
// therefore cause extra requests, but use no more memory.
const maxCached = 1 << 16

// cacheKey is a keyed hash of a request.
type cacheKey [sha256.Size]byte

// cache keeps answers for a short time. Equal requests at the same time are sent
// once per pool. Errors are not kept. Any goroutine may use it.
type cache[V any] struct {
	secret     [32]byte
	timeout    time.Duration   // of a request
	life       context.Context // cancels all requests when it ends
	maxEntries int             // maxCached; less in tests
	flight     singleflight.Group

	mu         sync.Mutex
	entries    map[cacheKey]cached[V]
	generation uint64 // flushes so far: an answer to a request from before a flush is not kept
}

type cached[V any] struct {
	v     V
	until time.Time
}

func newCache[V any](life context.Context, timeout time.Duration) *cache[V] {
	c := &cache[V]{life: life, timeout: timeout, maxEntries: maxCached, entries: map[cacheKey]cached[V]{}}
	_, _ = rand.Read(c.secret[:]) // it never fails (crypto/rand)
	return c
}

// key hashes the parts of a request. The length before each part keeps ("a", "bc")
// and ("ab", "c") apart.
func (c *cache[V]) key(parts ...string) (k cacheKey) {
	h := hmac.New(sha256.New, c.secret[:])
	for _, p := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(p))) // a hash takes everything
		_, _ = h.Write([]byte(p))
	}
	h.Sum(k[:0])
	return k
}

// get returns the answer kept under k, or what ask returns, which is kept for
// the time it says. ask has its own time-out and not the caller's context: the first
// caller may go away while others of the same pool wait for the same answer. Callers
// of another pool send their own request and do not wait for this one.
func (c *cache[V]) get(k cacheKey, pool string, ask func(context.Context) (v V, keep time.Duration, err error)) (V, error) {
	v, generation, found := c.lookup(k, time.Now())
	if found {
		return v, nil
	}
	got, err, _ := c.flight.Do(string(k[:])+strconv.FormatUint(generation, 36)+" "+pool, func() (any, error) {
		if v, _, found := c.lookup(k, time.Now()); found {
			return v, nil // another request has just been answered
		}
		limited, cancel := context.WithTimeout(c.life, c.timeout)
		defer cancel()
		v, keep, err := ask(limited)
		if err == nil && keep > 0 {
			c.put(k, v, generation, time.Now(), keep)
		}
		return v, err
	})
	if err != nil {
		var none V
		return none, err
	}
	return got.(V), nil
}

func (c *cache[V]) lookup(k cacheKey, now time.Time) (v V, generation uint64, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	if !ok || !e.until.After(now) {
		return v, c.generation, false
	}
	return e.v, c.generation, true
}

func (c *cache[V]) put(k cacheKey, v V, generation uint64, now time.Time, keep time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if len(c.entries) >= c.maxEntries {
		c.evict(now)
	}
	c.entries[k] = cached[V]{v, now.Add(keep)}
}

func (c *cache[V]) evict(now time.Time) {
	for k, e := range c.entries {
		if !e.until.After(now) {
			delete(c.entries, k)
		}
	}
	if len(c.entries) < c.maxEntries {
		return
	}
	excess := max(1, c.maxEntries/8)
	for k := range c.entries {
		if delete(c.entries, k); excess == 1 {
			return
		}
		excess--
	}
}

// flush drops all answers, including those of requests under way.
func (c *cache[V]) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.generation++
}
