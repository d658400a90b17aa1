package live

import "errors"

// Bounds are the limits that may change while the server runs: see SetBounds.
type Bounds struct {
	MaxConnections   int     // more are refused with 429
	MaxSubscriptions int     // per connection
	RequestRate      float64 // requests per second and connection
	RequestBurst     float64 // requests that may come at once
	SnapshotRate     float64 // bytes per second of the snapshots that a connection's subscribes bring; 0: no limit
	SnapshotBurst    float64 // bytes of snapshots that may come at once, beyond one snapshot
	Limits           Limits
}

var errBounds = errors.New("live: limits must be positive")

// SetBounds puts other limits in force. Connections and subscriptions beyond a lower limit
// stay; only new ones are refused. Any goroutine may call it.
func (srv *Server) SetBounds(b Bounds) error {
	if b.MaxConnections <= 0 {
		return errBounds
	}
	srv.bounds.Store(&b)
	return nil
}

// limits are those in force.
func (srv *Server) limits() *Limits { return &srv.bounds.Load().Limits }
