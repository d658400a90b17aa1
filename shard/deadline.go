package shard

import "container/heap"

// deadline is when something of a topic shard is due: its pending bytes, or the tick of an
// interval class.
type deadline struct {
	at    int64
	shard *topicShard
	class int
	pos   int // place in the heap, -1 when not set
}

// timerHeap is the shard's deadlines, earliest first. Only the goroutine that has
// the shard's turn touches it. It stores pointers that live as long as their topic shard
// or class, so setting and stopping allocate nothing once the slice has grown.
type timerHeap struct{ list deadlines }

// set puts d in the heap, or moves it.
func (h *timerHeap) set(d *deadline, at int64) {
	d.at = at
	if d.pos < 0 {
		heap.Push(&h.list, d)
	} else {
		heap.Fix(&h.list, d.pos)
	}
}

// stop takes d out of the heap, if it is in it.
func (h *timerHeap) stop(d *deadline) {
	if d.pos >= 0 {
		heap.Remove(&h.list, d.pos)
	}
}

// first returns the earliest deadline, nil when none is set.
func (h *timerHeap) first() *deadline {
	if len(h.list) == 0 {
		return nil
	}
	return h.list[0]
}

// deadlines is the heap.Interface of a timerHeap. It keeps every deadline's pos.
type deadlines []*deadline

func (l deadlines) Len() int           { return len(l) }
func (l deadlines) Less(i, j int) bool { return l[i].at < l[j].at }

func (l deadlines) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].pos, l[j].pos = i, j
}

// Push is called by heap.Push.
func (l *deadlines) Push(x any) {
	d := x.(*deadline)
	d.pos = len(*l)
	*l = append(*l, d)
}

// Pop is called by heap.Remove.
func (l *deadlines) Pop() any {
	last := len(*l) - 1
	d := (*l)[last]
	(*l)[last] = nil // so that a topic shard that is gone can be collected
	*l = (*l)[:last]
	d.pos = -1
	return d
}
