package spectators

import (
	"bytes"

	"pitwall/bench/internal/latency"
)

// What a client knows of a device, besides the number of the last record seen.
const (
	unseen = 0
	anyone = 1<<32 - 1 // has just joined the event: any number may be the first
	away   = 1<<32 - 2 // has left the event: nothing of it may arrive
)

// checker checks what clients are sent. It belongs to the loop.
type checker struct {
	cfg    *Config
	key    []byte   // "deviceId":" and the prefix of our devices
	live   [][]byte // by event: the start of its position frames, up to the number
	counts Counts
	from   int64 // records due from here
	to     int64 // to here are measured
	fast   latency.Histogram
	slow   latency.Histogram
}

func newChecker(cfg *Config) *checker {
	c := &checker{cfg: cfg, key: []byte(`"deviceId":"` + cfg.Prefix), fast: latency.New(), slow: latency.New()}
	for _, e := range cfg.Events {
		c.live = append(c.live, []byte(`{"type":"position","topic":"event:`+e.Name+`",`+string(c.key)))
	}
	return c
}

// item is one position of the harness.
type item struct {
	device int
	n      int64
	at     int64
}

// position checks a frame with one live position, the common case. It is false
// for any other frame.
func (c *checker) position(k *client, m []byte, now int64) bool {
	start := c.live[k.event]
	if !bytes.HasPrefix(m, start) {
		return false
	}
	device, digits := number(m[len(start):])
	n, at, ok := tail(m)
	if digits == 0 || !ok {
		return false
	}
	c.one(k, item{int(device), n, at}, now)
	return true
}

// slot is where a client remembers a device, nil when it is not one of its
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

// one checks a live position.
func (c *checker) one(k *client, p item, now int64) {
	if p.n <= c.cfg.Base {
		c.counts.Foreign++
		return
	}
	c.counts.Deliveries++
	n := uint32(p.n - c.cfg.Base)
	last := c.slot(k, p.device)
	if last == nil || *last == away {
		c.counts.Stray++
		return
	}
	switch {
	case *last == anyone: // its last value, which may be of any age: no latency
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

// known checks a position of a snapshot, which may repeat or jump forward.
func (c *checker) known(k *client, p item) {
	c.counts.SnapshotItems++
	if p.n <= c.cfg.Base {
		return // of an earlier run
	}
	n, last := uint32(p.n-c.cfg.Base), c.slot(k, p.device)
	switch {
	case last == nil:
		c.counts.Stray++
	case *last != anyone && *last != away && n < *last:
		c.counts.Reordered++
	default:
		*last = n
	}
}

// moved takes note of a roster frame: devices that join may begin anywhere, those
// that leave must be silent.
func (c *checker) moved(k *client, m []byte) {
	added, removed, _ := bytes.Cut(m, []byte(`"removed":[`))
	for _, half := range []struct {
		text []byte
		mark uint32
	}{{added, anyone}, {removed, away}} {
		name := []byte(`"` + c.cfg.Prefix)
		for i := bytes.Index(half.text, name); i >= 0; i = bytes.Index(half.text, name) {
			half.text = half.text[i+len(name):]
			device, _ := number(half.text)
			if last := c.slot(k, int(device)); last != nil {
				*last = half.mark
			}
		}
	}
}

// missing is how many of the records published have not arrived at a client.
func (c *checker) missing(k *client, published []uint32) (n int64) {
	e := &c.cfg.Events[k.event]
	for i := range e.Devices {
		want, last := published[e.First+i], uint32(unseen)
		if k.last != nil {
			last = k.last[i]
		}
		if last == away || last == anyone || c.cfg.Roving && last == unseen {
			continue
		}
		if last < want {
			n += int64(want - last)
		}
	}
	return n
}
