package live

import "pitwall/shard"

// Bounds of fairness: a quiet event's spectators do not wait until a hot
// event's thousands have been served.
const (
	lookEvery = 64  // turns between two looks at the run queue
	fewMost   = 512 // connections that may come together and still go ahead
	fewTurns  = 64  // turns in a row of those who go ahead, while others wait
)

// lines is the order of turns. Connections that came in small numbers go ahead
// of crowds, but have half of the turns at most while a crowd waits; within a
// line it is first come, first served. So nobody starves, and whoever comes in
// small numbers waits for those who did as well and as many others, never for
// the rest of a crowd.
//
// Half of the spectators of a quiet event beside a hot one see a position
// within 3 ms so, within 14 in the plain order (BenchmarkQuietBesideHot). For
// the slowest hundredth there is no difference.
type lines struct {
	most        int // connections that may come together and still go ahead; 0: plainly first come, first served
	few, crowds shard.Line
	run         int // turns that one line has had in a row while the other waited
	crowd       bool
}

func (l *lines) take(q *shard.RunQueue) { q.TakeInto(&l.few, &l.crowds, l.most) }

func (l *lines) empty() bool { return l.few.Empty() && l.crowds.Empty() }

// next takes the connection whose turn it is off its line.
func (l *lines) next() *shard.Conn {
	if l.few.Empty() {
		return l.crowds.Next()
	}
	if l.crowds.Empty() {
		return l.few.Next()
	}
	if l.run == fewTurns {
		l.run, l.crowd = 0, !l.crowd
	}
	l.run++
	if l.crowd {
		return l.crowds.Next()
	}
	return l.few.Next()
}
