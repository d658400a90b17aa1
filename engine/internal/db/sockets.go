package db

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// errCut is what dialling returns once the sockets are cut.
var errCut = errors.New("the database is being closed")

// sockets are the open connections of a pool, below the driver. The driver
// gives a connection whose query was given up fifteen seconds for its goodbye;
// a server that does not answer would hold up the end of the process for as
// long. Cutting the socket ends that at once.
type sockets struct {
	dialer pgconn.DialFunc

	mu   sync.Mutex
	open map[*socket]struct{}
	gone bool
}

// dial is the pool's DialFunc.
func (s *sockets) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := s.dialer(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	k := &socket{Conn: c, of: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil, errors.Join(errCut, c.Close())
	}
	if s.open == nil {
		s.open = make(map[*socket]struct{})
	}
	s.open[k] = struct{}{}
	return k, nil
}

// cut closes every socket, and those that are dialled from now on.
func (s *sockets) cut() {
	s.mu.Lock()
	s.gone = true
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for k := range open {
		_ = k.Conn.Close() // whoever uses it gets the error
	}
}

// socket is a connection that is listed while it is open.
type socket struct {
	net.Conn
	of *sockets
}

// Close implements net.Conn.
func (k *socket) Close() error {
	k.of.mu.Lock()
	delete(k.of.open, k)
	k.of.mu.Unlock()
	return k.Conn.Close()
}
