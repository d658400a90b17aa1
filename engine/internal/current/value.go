// Package current holds values that a reload replaces while others read them.
//
// # Goroutines
//
// The package starts none. Any goroutine may call the methods of a Value.
package current

import "sync"

// Value is a value that is replaced as a whole. The zero Value holds the zero T. It
// must not be copied.
type Value[T any] struct {
	mu sync.RWMutex
	v  T
}

// Load returns the value. The caller must not change what it points to.
func (c *Value[T]) Load() T {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.v
}

// Store replaces the value.
func (c *Value[T]) Store(v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.v = v
}
