package ring

import "sync"

// locked is a queue in a slice under a mutex. The benchmarks compare Ring with it. Under
// the tag plainring it replaces Ring.
type locked[T any] struct {
	mu   sync.Mutex
	list []*T
	head int // list[:head] were taken
}

func (q *locked[T]) Push(v *T) {
	q.mu.Lock()
	q.list = append(q.list, v)
	q.mu.Unlock()
}

func (q *locked[T]) Take() *T {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.list) {
		return nil
	}
	v := q.list[q.head]
	q.list[q.head] = nil
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return v
}
