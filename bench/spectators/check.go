package spectators

import (
	"bytes"

	"pitwall/bench/internal/latency"
)

// What a client knows of a device instead of the number of its last record.
const (
	unseen  = 0
	entered = 1<<32 - 1 // has just entered the event: any number may be the first
	left    = 1<<32 - 2 // has left the event: none of its positions may arrive
)

// checker checks what clients receive. Only the loop uses it.
type checker struct {
	cfg    *Config
	key    []byte   // "deviceId":" and the prefix of the harness' devices
	start  [][]byte // by event: the start of its position frames, up to the number of the device
	counts Counts
	from   int64 // latencies count for records that are due from this time on,
	to     int64 // and before this time; µs since the Unix epoch
	fast   latency.Histogram
	slow   latency.Histogram
}

func newChecker(cfg *Config) *checker {
	c := &checker{cfg: cfg, key: []byte(`"deviceId":"` + cfg.Prefix), fast: latency.New(), slow: latency.New()}
	for _, e := range cfg.Events {
		c.start = append(c.start, []byte(`{"type":"position","topic":"event:`+e.Name+`",`+string(c.key)))
	}
	return c
}

// item is a position of the harness.
type item struct {
	device int
	n      int64 // number of the record
	at     int64 // when it was due, µs since the Unix epoch
}

// frame checks a frame with one live position, which is the common case. It is
// false for any other frame.
func (c *checker) frame(k *client, m []byte, now int64) bool {
	start := c.start[k.event]
	if !bytes.HasPrefix(m, start) {
		return false
	}
	device, digits := number(m[len(start):])
	n, at, ok := tail(m)
	if digits == 0 || !ok {
		return false
	}
	c.live(k, item{int(device), n, at}, now)
	return true
}

// slot is where a client remembers a device, nil if the device is not in its
// event.
func (c *checker) slot(k *client, device int) *uint32 {
	e := &c.cfg.Events[k.event]
	if device < e.First || device >= e.First+e.Devices {
		return nil
	}
	if k.last == nil {
		k.last = make([]uint32, e.Devices)
	}
	return &k.last[device-e.First]
}

// live checks a live position.
func (c *checker) live(k *client, p item, now int64) {
	if p.n <= c.cfg.Base {
		c.counts.Foreign++
		return
	}
	c.counts.Deliveries++
	n := uint32(p.n - c.cfg.Base)
	last := c.slot(k, p.device)
	if last == nil || *last == left {
		c.counts.Stray++
		return
	}
	switch {
	case *last == entered: // its last position, of any age: no latency
		*last = n
		return
	case n == *last+1:
	case n == *last:
		c.counts.Duplicates++
	case n < *last:
		c.counts.Reordered++
		return
	case c.cfg.Interval == 0:
		c.counts.Gaps += int64(n - *last - 1)
	}
	*last = n
	if p.at >= c.from && p.at < c.to {
		if k.slow {
			c.slow.Record(now - p.at)
		} else {
			c.fast.Record(now - p.at)
		}
	}
}

// snapshot checks a position of a snapshot, which may repeat or jump forward.
func (c *checker) snapshot(k *client, p item) {
	c.counts.SnapshotItems++
	if p.n <= c.cfg.Base {
		return // from an earlier run
	}
	n, last := uint32(p.n-c.cfg.Base), c.slot(k, p.device)
	switch {
	case last == nil:
		c.counts.Stray++
	case *last != entered && *last != left && n < *last:
		c.counts.Reordered++
	default:
		*last = n
	}
}

// roster reads a roster frame. Devices that enter the event may begin with any
// number; devices that leave it must be silent.
func (c *checker) roster(k *client, m []byte) {
	added, removed, _ := bytes.Cut(m, []byte(`"removed":[`))
	for _, half := range []struct {
		text []byte
		mark uint32
	}{{added, entered}, {removed, left}} {
		for _, name := range bytes.Split(half.text, []byte(`"`+c.cfg.Prefix))[1:] {
			device, _ := number(name)
			if last := c.slot(k, int(device)); last != nil {
				*last = half.mark
			}
		}
	}
}

// missing is the number of published records that have not arrived at a client.
func (c *checker) missing(k *client, published []uint32) (n int64) {
	e := &c.cfg.Events[k.event]
	for i := range e.Devices {
		want, last := published[e.First+i], uint32(unseen)
		if k.last != nil {
			last = k.last[i]
		}
		if last < want && (last != unseen || !c.cfg.Roving) { // left and entered are higher than any number
			n += int64(want - last)
		}
	}
	return n
}
