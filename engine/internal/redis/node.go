package redis

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// node is one server of a Cluster. It is connected when it is first needed, and
// reconnects by itself after a failure.
type node struct {
	opt      rueidis.ClientOption
	addr     string
	named    bool      // its address is in the URL; such a node is never removed
	failedAt time.Time // of the last failure; guarded by cluster.mu

	mu         sync.Mutex // guards the fields down to closed; held while connecting
	rdb        rueidis.Client
	connFinder *connFinder // of rdb
	closed     bool

	usedMu sync.Mutex
	used   time.Time
}

// newNode returns the node at an address, not connected yet.
func newNode(opt rueidis.ClientOption, addr string) *node {
	n := &node{opt: opt, addr: addr, used: time.Now()}
	n.opt.InitAddress = []string{addr}
	// A certificate is checked against the name by which a node is known. For nodes
	// known by IP address only, it is the name in the URL.
	if host := hostOf(addr); opt.TLSConfig != nil && net.ParseIP(host) == nil {
		n.opt.TLSConfig = opt.TLSConfig.Clone()
		n.opt.TLSConfig.ServerName = host
	}
	return n
}

// dedicate opens a dedicated connection to the node, and returns the link under it.
func (n *node) dedicate(ctx context.Context) (rueidis.DedicatedClient, *link, error) {
	rdb, err := n.connectedClient()
	if err != nil {
		return nil, nil, err
	}
	n.mu.Lock()
	finder := n.connFinder
	n.mu.Unlock()
	return finder.dedicate(ctx, rdb)
}

// connectedClient returns the client of the node. Its commands fail while the node
// cannot be reached.
func (n *node) connectedClient() (rueidis.Client, error) {
	n.usedMu.Lock()
	n.used = time.Now()
	n.usedMu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, rueidis.ErrClosing
	}
	if n.rdb == nil {
		opt := n.opt
		finder := newConnFinder(&opt)
		rdb, err := rueidis.NewClient(opt)
		if rdb == nil {
			return nil, err
		}
		n.rdb, n.connFinder = rdb, finder // after an error it connects with its next command
	}
	return n.rdb, nil
}

// idle returns how long ago the node was last used.
func (n *node) idle() time.Duration {
	n.usedMu.Lock()
	defer n.usedMu.Unlock()
	return time.Since(n.used)
}

func (n *node) closeClient() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.rdb != nil {
		n.rdb.Close()
	}
}

// slots asks the node which node owns which slots.
func (n *node) slots(ctx context.Context) ([]slotRange, []string, error) {
	rdb, err := n.connectedClient()
	if err != nil {
		return nil, nil, err
	}
	limited, cancel := context.WithTimeout(ctx, slotsTimeout)
	defer cancel()
	m, err := rdb.Do(limited, rdb.B().Arbitrary("CLUSTER", "SLOTS").Build()).ToMessage()
	if err != nil {
		return nil, nil, err
	}
	return parseSlots(&m, n.addr)
}
