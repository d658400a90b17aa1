package redis

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// node is one server of a Cluster. It is connected to when it is first needed, and
// comes back by itself after a failure.
type node struct {
	opt    rueidis.ClientOption
	addr   string
	named  bool      // in the URL, which is kept for ever
	failed time.Time // when it did not serve last; guarded by the cluster

	mu         sync.Mutex // guards what follows; held while it is connected to
	rdb        rueidis.Client
	connFinder *connFinder // of rdb
	closed     bool

	usedMu sync.Mutex
	used   time.Time
}

// newNode makes the node at an address, without a connection.
func newNode(opt rueidis.ClientOption, addr string) *node {
	n := &node{opt: opt, addr: addr, used: time.Now()}
	n.opt.InitAddress = []string{addr}
	// A certificate is checked against the name by which a node is known. Those
	// known by a bare address share the name in the URL.
	if host := hostOf(addr); opt.TLSConfig != nil && net.ParseIP(host) == nil {
		n.opt.TLSConfig = opt.TLSConfig.Clone()
		n.opt.TLSConfig.ServerName = host
	}
	return n
}

// dedicate takes a connection of its own to the node, and says which it is.
func (n *node) dedicate(ctx context.Context) (rueidis.DedicatedClient, *link, error) {
	rdb, err := n.connectedClient()
	if err != nil {
		return nil, nil, err
	}
	n.mu.Lock()
	of := n.connFinder
	n.mu.Unlock()
	return of.dedicate(ctx, rdb)
}

// connectedClient returns the client of the node. While the node cannot be reached, its
// commands fail.
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
		of := newConnFinder(&opt)
		rdb, err := rueidis.NewClient(opt)
		if rdb == nil {
			return nil, err
		}
		n.rdb, n.connFinder = rdb, of // it connects with its next command if it could not now
	}
	return n.rdb, nil
}

// idle is how long nobody has used the node.
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

// slots asks the node who owns which slots.
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
