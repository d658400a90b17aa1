package shard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Snapshot is the map from devices to topics at one moment. It is immutable: a new
// roster makes a new Snapshot, which replaces the old one whole through an
// atomic.Pointer. Any goroutine may read it.
type Snapshot struct {
	devices map[string][]*Topic
	topics  map[string]*Topic   // by event id
	sizes   map[*Topic]int      // devices of each topic
	changes [][]change          // per shard: what is different from the snapshot before; see snapshot_update.go
	starts  map[*topicShard]int // where a topic shard's changes begin, in changes
}

// change is what a new snapshot adds to and removes from one topic shard, or a piece
// of that. Both lists are sorted.
type change struct {
	shard          *topicShard
	added, removed []string
}

// Topics returns the topics of a device, already resolved; none for a device
// in no event. It allocates nothing. The slice must not be changed.
func (s *Snapshot) Topics(device string) []*Topic { return s.devices[device] }

// DeviceIDs lists the devices that take part in at least one event, in no particular
// order.
func (s *Snapshot) DeviceIDs() []string {
	return slices.AppendSeq(make([]string, 0, len(s.devices)), maps.Keys(s.devices))
}

// EventInfo is an event and how many devices take part in it.
type EventInfo struct {
	ID      string
	Devices int
}

// Events lists all events, by id.
func (s *Snapshot) Events() []EventInfo {
	list := make([]EventInfo, 0, len(s.topics))
	for id, t := range s.topics {
		list = append(list, EventInfo{id, s.sizes[t]})
	}
	slices.SortFunc(list, func(a, b EventInfo) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Snapshot returns the map in force. Any goroutine may call it.
func (c *Core) Snapshot() *Snapshot { return c.snapshot.Load() }

// Swap builds a Snapshot from r, puts it in force and waits until every shard has
// applied it. Before that, it waits for the Swap before, so that at most one is under
// way. It fails only if ctx ends. If that is during the second wait, the new map is in
// force all the same. One goroutine at a time may call it.
func (c *Core) Swap(ctx context.Context, r Roster) error {
	if err := c.swapping.wait(ctx); err != nil {
		return fmt.Errorf("wait for the map before this one: %w", err)
	}
	c.swapping = newLatch()
	c.replace(r)
	c.submit(&op{kind: opSwap, done: c.swapping.open})
	if err := c.swapping.wait(ctx); err != nil {
		return fmt.Errorf("wait for the shards to take the map: %w", err)
	}
	return nil
}

// replace builds a Snapshot from r and puts it in force. Both happen under one lock:
// Watch and Unwatch read the map in force, and build reads which topics are watched.
func (c *Core) replace(r Roster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.Store(c.build(r, c.snapshot.Load()))
}

// build makes the snapshot for r and works out once, for every shard, what is
// different from old. c.mu is held.
func (c *Core) build(r Roster, old *Snapshot) *Snapshot {
	s := &Snapshot{
		devices: make(map[string][]*Topic, len(old.devices)),
		topics:  make(map[string]*Topic, len(r.Events)),
		sizes:   make(map[*Topic]int, len(r.Events)),
		changes: make([][]change, len(c.workers)),
		starts:  make(map[*topicShard]int),
	}
	for _, e := range r.Events {
		c.addEvent(s, e)
	}
	for _, p := range r.Pairs {
		t := c.addEvent(s, p.Event)
		if list := s.devices[p.Device]; !slices.Contains(list, t) {
			s.devices[p.Device] = append(list, t)
			s.sizes[t]++
		}
	}
	d := make(diff)
	for id, topics := range s.devices {
		c.compare(d, id, old.devices[id], topics)
	}
	for id, topics := range old.devices {
		if _, still := s.devices[id]; !still {
			c.compare(d, id, topics, nil)
		}
	}
	s.cut(d, c.pieceDevices())
	for id, t := range c.topics {
		if s.topics[id] == nil && t.watchers == 0 {
			delete(c.topics, id)
		}
	}
	return s
}

// addEvent puts an event into s, with the topic that it already has, if there is one.
func (c *Core) addEvent(s *Snapshot, event string) *Topic {
	if t := s.topics[event]; t != nil {
		return t
	}
	t := c.topics[event]
	if t == nil {
		t = newTopic(c, event)
		c.topics[event] = t
	}
	s.topics[event] = t
	return t
}

// diff is what a new snapshot changes, by topic shard.
type diff map[*topicShard]*change

// of returns the change of p.
func (d diff) of(p *topicShard) *change {
	if d[p] == nil {
		d[p] = &change{shard: p}
	}
	return d[p]
}

// compare notes the topics that a device joins and leaves.
func (c *Core) compare(d diff, device string, before, after []*Topic) {
	if slices.Equal(before, after) {
		return
	}
	i := c.ShardOf(device)
	for _, t := range after {
		if !slices.Contains(before, t) {
			x := d.of(t.shards[i])
			x.added = append(x.added, device)
		}
	}
	for _, t := range before {
		if !slices.Contains(after, t) {
			x := d.of(t.shards[i])
			x.removed = append(x.removed, device)
		}
	}
}

// cut makes d the changes of s, in pieces of at most size joins and leaves.
func (s *Snapshot) cut(d diff, size int) {
	for p, x := range d {
		i := p.index
		s.starts[p] = len(s.changes[i])
		slices.Sort(x.removed)
		slices.Sort(x.added)
		for len(x.removed)+len(x.added) > 0 {
			n := min(size, len(x.removed))
			m := min(size-n, len(x.added))
			s.changes[i] = append(s.changes[i], change{p, x.added[:m], x.removed[:n]})
			x.removed, x.added = x.removed[n:], x.added[m:]
		}
	}
}
