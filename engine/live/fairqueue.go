package live

import "pitwall/shard"

// Bounds of fairness: the spectators of a quiet event do not wait until the
// thousands of a busy one have been served.
const (
	retakeEvery = 64  // turns between two looks at the run queue
	smallBatch  = 512 // connections that may come together and still go ahead
	runLimit    = 64  // turns in a row of one class while the other waits
)

// fairQueue is the order of turns. Connections that came in a small batch go ahead
// of those that came in bulk, but take half of the turns at most while there are
// some of both. Within a class it is first come, first served. So nobody starves,
// and a connection of a small batch waits for those of other small batches and for
// as many of the bulk, never for all of the bulk.
//
// The second class is there because it shortens the median wait of a quiet event
// beside a busy one several times (BenchmarkQuietBesideHot). It does nothing for
// the slowest hundredth.
type fairQueue struct {
	limit       int // connections that may come together and still go ahead; 0: one class for all
	small, bulk shard.ConnList
	run         int  // turns that one class has had in a row while the other waited
	bulkRuns    bool // which class that is
}

// takeFrom takes everybody who waits off the run queue.
func (q *fairQueue) takeFrom(from *shard.RunQueue) { from.TakeInto(&q.small, &q.bulk, q.limit) }

func (q *fairQueue) empty() bool { return q.small.Empty() && q.bulk.Empty() }

// next takes the connection whose turn it is; false when nobody waits.
func (q *fairQueue) next() (shard.Active, bool) {
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
