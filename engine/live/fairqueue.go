package live

import "pitwall/shard"

// Bounds of fairness: the spectators of a quiet event do not wait until the
// thousands of a busy one have been served.
const (
	retakeEvery = 64  // turns between two looks at the run queue
	smallBatch  = 512 // connections in the largest batch that counts as small
	runLimit    = 64  // turns in a row for one class while the other waits
)

// fairQueue is the order of turns. Connections of a small batch go ahead of those that
// came in bulk, but get at most half of the turns while both wait. Within a class it is
// first come, first served. So nobody starves, and a connection of a small batch waits
// for those of other small batches and as many of the bulk, never for all of the bulk.
//
// The second class makes the median wait of a quiet event beside a busy one several times
// shorter (BenchmarkQuietBesideHot). It does not change the 99th percentile.
type fairQueue struct {
	limit       int // connections in the largest small batch; 0: one class for all
	small, bulk shard.ConnList
	run         int  // turns in a row for one class while the other waited
	bulkRuns    bool // that class is bulk
}

// takeFrom takes all waiting connections off the run queue.
func (q *fairQueue) takeFrom(from *shard.RunQueue) { from.TakeInto(&q.small, &q.bulk, q.limit) }

func (q *fairQueue) empty() bool { return q.small.Empty() && q.bulk.Empty() }

// next takes the connection whose turn it is; ok is false if none waits.
func (q *fairQueue) next() (a shard.Active, ok bool) {
	if q.small.Empty() {
		return q.bulk.Next()
	}
	if q.bulk.Empty() {
		return q.small.Next()
	}
	if q.run == runLimit {
		q.run, q.bulkRuns = 0, !q.bulkRuns
	}
	q.run++
	if q.bulkRuns {
		return q.bulk.Next()
	}
	return q.small.Next()
}
