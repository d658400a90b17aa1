package shard

// alarm is something of a part that is due at a moment: its pending bytes, or
// the tick of an interval class.
type alarm struct {
	at    int64
	part  *part
	class int
	pos   int // place in the heap, -1 when not set
}

// alarms is a binary heap of alarms, earliest first.
type alarms []*alarm

// set puts a in the heap, or moves it.
func (h *alarms) set(a *alarm, at int64) {
	if a.pos < 0 {
		a.pos = len(*h)
		*h = append(*h, a)
	}
	a.at = at
	h.up(a.pos)
	h.down(a.pos)
}

// stop takes a out of the heap, if it is in it.
func (h *alarms) stop(a *alarm) {
	if a.pos < 0 {
		return
	}
	i, last := a.pos, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	a.pos = -1
	if i < last {
		h.down(i)
		h.up(i)
	}
}

// first returns the earliest alarm, nil when none is set.
func (h alarms) first() *alarm {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

func (h alarms) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

func (h alarms) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if h[p].at <= h[i].at {
			return
		}
		h.swap(i, p)
		i = p
	}
}

func (h alarms) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && h[c+1].at < h[c].at {
			c++
		}
		if h[i].at <= h[c].at {
			return
		}
		h.swap(i, c)
		i = c
	}
}
