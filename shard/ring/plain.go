//go:build plainring

package ring

// Ring is the locked queue in place of the lock-free one, to compare the two in the
// whole core:
//
//	go test -tags plainring -run - -bench 'ManyTopics|Shards|BenchmarkPush' ./shard
type Ring[T any] struct{ locked[T] }

// Empty reports whether Take would return nil.
func (r *Ring[T]) Empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head == len(r.list)
}

// PrefetchPush does nothing here.
func (r *Ring[T]) PrefetchPush() {}

// PrefetchTake does nothing here.
func (r *Ring[T]) PrefetchTake() {}

// ShrinkIfQuiet is Shrink here.
func (r *Ring[T]) ShrinkIfQuiet(func() int64) { r.Shrink() }

// Shrink frees the memory of an empty queue that has grown.
func (r *Ring[T]) Shrink() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 && cap(r.list) > keptSegment {
		r.list = nil
	}
}

// Slots is the number of pointers that the queue has room for.
func (r *Ring[T]) Slots() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return cap(r.list)
}
