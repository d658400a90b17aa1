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

// maxCached bounds the answers that a cache keeps. When it is full, those that
// have run out go, and if none has, an eighth of the others, whichever: strangers
// with made-up credentials cost a question more, and no memory.
const maxCached = 1 << 16

// cacheKey is a keyed hash of what was asked.
type cacheKey [sha256.Size]byte

// cache keeps answers for a moment. Equal questions at the same time are asked
// once per lane. Errors are not kept.
type cache[V any] struct {
	secret  [32]byte
	timeout time.Duration   // of a question
	life    context.Context // ends all questions
	most    int             // maxCached; less in tests
	flight  singleflight.Group

	mu         sync.Mutex
	entries    map[cacheKey]cached[V]
	generation uint64 // answers to questions asked before a flush are not kept
}

type cached[V any] struct {
	v     V
	until time.Time
}

func newCache[V any](life context.Context, timeout time.Duration) *cache[V] {
	c := &cache[V]{life: life, timeout: timeout, most: maxCached, entries: map[cacheKey]cached[V]{}}
	_, _ = rand.Read(c.secret[:]) // it never fails (crypto/rand)
	return c
}

// key hashes the parts of a question.
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
// the time it says. ask runs under a time-out of its own: the one who asks
// first may go away, and others of the same lane wait with them. Who asks in
// another lane waits for nobody of this one.
func (c *cache[V]) get(k cacheKey, lane string, ask func(context.Context) (v V, keep time.Duration, err error)) (V, error) {
	v, generation, found := c.lookup(k, time.Now())
	if found {
		return v, nil
	}
	got, err, _ := c.flight.Do(string(k[:])+strconv.FormatUint(generation, 36)+" "+lane, func() (any, error) {
		if v, _, found := c.lookup(k, time.Now()); found {
			return v, nil // another flight has landed meanwhile
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
	if len(c.entries) >= c.most {
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
	if len(c.entries) < c.most {
		return
	}
	left := max(1, c.most/8)
	for k := range c.entries {
		if delete(c.entries, k); left == 1 {
			return
		}
		left--
	}
}

// flush forgets all answers, those under way included.
func (c *cache[V]) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.generation++
}
