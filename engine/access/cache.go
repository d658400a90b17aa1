package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// maxCached is the most entries of a cache. A full cache evicts the expired entries,
// and if that is not enough, an eighth of all at random. So forged credentials can
// cause more requests, but use no more memory.
const maxCached = 1 << 16

// cacheKey is a keyed hash of a request.
type cacheKey [sha256.Size]byte

// cache holds answers for a short time. Equal requests that run at the same time are
// merged into one per pool. Errors are not cached. Any goroutine may use it.
type cache[V any] struct {
	secret     [32]byte
	timeout    time.Duration   // of one request
	life       context.Context // cancels all requests when it ends
	maxEntries int             // maxCached; less in tests
	flight     singleflight.Group

	mu         sync.Mutex
	entries    map[cacheKey]cached[V]
	generation uint64 // number of flushes; an answer to a request from before a flush is not cached
}

type cached[V any] struct {
	v     V
	until time.Time
}

func newCache[V any](life context.Context, timeout time.Duration) *cache[V] {
	c := &cache[V]{life: life, timeout: timeout, maxEntries: maxCached, entries: map[cacheKey]cached[V]{}}
	_, _ = rand.Read(c.secret[:]) // never fails
	return c
}

// key hashes the parts of a request. The length before each part distinguishes
// ("a", "bc") from ("ab", "c").
func (c *cache[V]) key(parts ...string) (k cacheKey) {
	h := hmac.New(sha256.New, c.secret[:])
	for _, p := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(p))) // a hash never fails
		_, _ = h.Write([]byte(p))
	}
	h.Sum(k[:0])
	return k
}

// get returns the cached answer for k. If there is none, it calls ask and caches the
// answer for ttl. The context of ask has the timeout of the cache. It does not depend on
// the caller, because other callers of the same pool may wait for the same answer.
// Callers of another pool send their own request.
func (c *cache[V]) get(k cacheKey, pool string, ask func(context.Context) (v V, ttl time.Duration, err error)) (V, error) {
	v, generation, found := c.lookup(k, time.Now())
	if found {
		return v, nil
	}
	got, err, _ := c.flight.Do(string(k[:])+strconv.FormatUint(generation, 36)+" "+pool, func() (any, error) {
		if v, _, found := c.lookup(k, time.Now()); found {
			return v, nil // another call has just cached it
		}
		limited, cancel := context.WithTimeout(c.life, c.timeout)
		defer cancel()
		v, ttl, err := ask(limited)
		if err == nil && ttl > 0 {
			c.put(k, v, generation, time.Now(), ttl)
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

func (c *cache[V]) put(k cacheKey, v V, generation uint64, now time.Time, ttl time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if len(c.entries) >= c.maxEntries {
		c.evict(now)
	}
	c.entries[k] = cached[V]{v, now.Add(ttl)}
}

// evict makes room for an entry. The caller holds the mutex.
func (c *cache[V]) evict(now time.Time) {
	maps.DeleteFunc(c.entries, func(_ cacheKey, e cached[V]) bool { return !e.until.After(now) })
	if len(c.entries) < c.maxEntries {
		return
	}
	remaining := c.maxEntries - max(1, c.maxEntries/8)
	for k := range c.entries {
		if len(c.entries) <= remaining {
			return
		}
		delete(c.entries, k)
	}
}

// flush drops all answers, also those of requests in progress.
func (c *cache[V]) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.generation++
}
