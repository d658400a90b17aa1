package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// cluster knows which node of a Redis Cluster owns which slot, and has a client for
// each node that has been needed. Any goroutine may use it.
//
// The cluster client of the library is not used: its dedicated connections bind to
// a node with their first command and follow no redirection, and its shared ones
// retry by themselves.
type cluster struct {
	opt        rueidis.ClientOption // of every node, except the address
	log        *slog.Logger
	builder    rueidis.Builder
	refreshing chan struct{} // a lock: held during CLUSTER SLOTS

	mu     sync.Mutex // guards the fields below
	nodes  map[string]*node
	ranges []slotRange
	known  []string          // the nodes of ranges, replicas included
	moved  map[uint16]string // owners named by MOVED replies since the last refresh
	stale  bool              // ranges may be wrong
	closed bool
}

const (
	slotsTimeout   = time.Second      // of CLUSTER SLOTS on one node
	closeIdleAfter = 10 * time.Minute // idle time after which the client of a node that left is closed
)

// newCluster starts with one node that is connected already, and the addresses in
// the URL.
func newCluster(opt rueidis.ClientOption, connected string, rdb rueidis.Client, finder *connFinder, log *slog.Logger) *cluster {
	c := &cluster{
		opt: opt, log: log, builder: rdb.B(), refreshing: make(chan struct{}, 1),
		nodes: map[string]*node{}, moved: map[uint16]string{}, stale: true,
	}
	for _, addr := range opt.InitAddress {
		c.nodes[addr] = newNode(opt, addr)
		c.nodes[addr].named = true
	}
	c.nodes[connected].rdb, c.nodes[connected].connFinder = rdb, finder
	c.opt.DialCtxFn = nil // the dialer of a unix socket reaches no other node
	return c
}

func (c *cluster) closeAll() {
	c.mu.Lock()
	c.closed = true
	nodes := slices.Collect(maps.Values(c.nodes))
	c.mu.Unlock()
	for _, n := range nodes {
		n.closeClient()
	}
}

// node returns the node at an address.
func (c *cluster) node(addr string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[addr]
	if n == nil {
		n = newNode(c.opt, addr)
		n.closed = c.closed
		c.nodes[addr] = n
	}
	return n
}

// errNoOwner is the error of a command on a slot that no node owns.
var errNoOwner = errors.New("no node of the Redis Cluster serves the slot")

// owner returns the node that owns a slot. It refreshes the slot map first if that
// may be outdated.
func (c *cluster) owner(ctx context.Context, slot uint16) (*node, error) {
	if err := c.refresh(ctx); err != nil {
		return nil, err
	}
	addr := c.ownerAddr(slot)
	if addr == "" {
		c.markStale(nil)
		return nil, errNoOwner
	}
	return c.node(addr), nil
}

// ownerAddr returns the known owner of a slot, "" when there is none.
func (c *cluster) ownerAddr(slot uint16) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if addr, ok := c.moved[slot]; ok {
		return addr
	}
	for _, r := range c.ranges {
		if r.first <= slot && slot <= r.last {
			return r.owner
		}
	}
	return ""
}

// setMoved records the owner that a MOVED reply names for a slot.
func (c *cluster) setMoved(slot uint16, addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved[slot] = addr
}

// markStale makes the next command refresh the slot map first. failed is a node that
// failed, nil for none; it is asked last.
func (c *cluster) markStale(failed *node) {
	if failed != nil {
		c.markFailed(failed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = true
}

// markFailed records that a node failed just now.
func (c *cluster) markFailed(n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.failedAt = time.Now()
}

// refresh updates the slot map if it may be outdated. One goroutine asks a node,
// the others wait for its answer.
func (c *cluster) refresh(ctx context.Context) error {
	if !c.isStale() {
		return nil
	}
	select {
	case c.refreshing <- struct{}{}:
		defer func() { <-c.refreshing }()
	case <-ctx.Done():
		return fmt.Errorf("find the nodes of the Redis Cluster: %w", ctx.Err())
	}
	if !c.isStale() {
		return nil
	}
	c.mu.Lock()
	c.stale = false // cleared before asking, so that a markStale meanwhile is not lost
	c.mu.Unlock()
	var errs []error
	for _, n := range c.candidates() {
		ranges, known, err := n.slots(ctx)
		if err == nil {
			c.updateSlots(ranges, known)
			return nil
		}
		c.markFailed(n)
		errs = append(errs, fmt.Errorf("%s: %w", n.addr, err))
		if ctx.Err() != nil {
			break
		}
	}
	c.markStale(nil)
	return fmt.Errorf("find the nodes of the Redis Cluster: %w", errors.Join(errs...))
}

func (c *cluster) isStale() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stale
}

// candidates returns the nodes to ask for the slots: first those that have been
// used, in the order of their last failure, and then those that are only known by
// address.
func (c *cluster) candidates() []*node {
	c.mu.Lock()
	used := slices.SortedFunc(maps.Values(c.nodes), func(a, b *node) int { return a.failedAt.Compare(b.failedAt) })
	known := c.known
	c.mu.Unlock()
	for _, addr := range known {
		if n := c.node(addr); !slices.Contains(used, n) {
			used = append(used, n)
		}
	}
	return used
}

// updateSlots stores a new slot map, and closes the clients of nodes that left the
// Cluster and have not been used for closeIdleAfter.
func (c *cluster) updateSlots(ranges []slotRange, known []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ranges != nil && !slices.Equal(c.ranges, ranges) {
		c.log.Info("slots of the Redis Cluster have changed owners", "nodes", len(known))
	}
	c.ranges, c.known = ranges, known
	clear(c.moved)
	for addr, n := range c.nodes {
		if !n.named && !slices.Contains(known, addr) && n.idle() > closeIdleAfter {
			n.closeClient()
			delete(c.nodes, addr)
		}
	}
}
