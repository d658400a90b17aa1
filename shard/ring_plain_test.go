//go:build plainring

package shard

// ring is the plain one in the place of the lock-free one, under the build tag
// plainring: what a ring is worth shows in the whole core.
//
//	go test -tags plainring -run - -bench 'Desk|Shards|BenchmarkPush' ./shard
type ring struct{ plainRing }

func (r *ring) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head == len(r.list)
}

func (r *ring) warm() {}

func (r *ring) warmTake() {}

func (r *ring) relax(func() int64) { r.shrink() }

func (r *ring) shrink() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 && cap(r.list) > keptSegment {
		r.list = nil
	}
}
