package db

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// errClosed is returned by dial after closeAll.
var errClosed = errors.New("the database is being closed")

// sockets lists the open sockets of a pool. When the driver closes a connection with a
// cancelled query, it waits up to fifteen seconds for the server, which would delay the
// end of the process. Closing the socket ends that wait.
type sockets struct {
	dialer pgconn.DialFunc

	mu     sync.Mutex
	open   map[*socket]struct{}
	closed bool
}

// dial is the pool's DialFunc.
func (s *sockets) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := s.dialer(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	k := &socket{Conn: c, list: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(errClosed, c.Close())
	}
	if s.open == nil {
		s.open = make(map[*socket]struct{})
	}
	s.open[k] = struct{}{}
	return k, nil
}

// closeAll closes every socket, and refuses to dial others.
func (s *sockets) closeAll() {
	s.mu.Lock()
	s.closed = true
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for k := range open {
		_ = k.Conn.Close() // the user of the connection gets the error
	}
}

// socket is a connection that is in its list while it is open.
type socket struct {
	net.Conn
	list *sockets
}

// Close implements net.Conn.
func (k *socket) Close() error {
	k.list.mu.Lock()
	delete(k.list.open, k)
	k.list.mu.Unlock()
	return k.Conn.Close()
}
