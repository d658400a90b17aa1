package live

import "sync/atomic"

// fdGuard lets a session's writer use the descriptor of its socket without the
// locks of package net, while any goroutine may close the socket: a descriptor that
// is closed during a write could be another connection's by then. Whoever closes
// the socket while the writer uses it leaves the closing to the writer.
//
// Memory ordering: both sides change state by one atomic operation, and one of the
// two comes first. If enter does, shut sees fdBusy and does not close; if shut does,
// enter fails. leave sees what shut has left to it.
type fdGuard struct {
	fd    int32 // the descriptor; noDescriptor for what is no plain socket
	state atomic.Uint32
}

const noDescriptor = -1

// Bits of fdGuard.state.
const (
	fdBusy = 1 << iota // the writer uses the descriptor
	fdShut             // the socket is to be closed: nobody enters any more
)

// enter is called by the one goroutine that may write. False says that the socket
// is closed or about to be.
func (g *fdGuard) enter() bool { return g.state.CompareAndSwap(0, fdBusy) }

// leave follows enter. True says that the caller has to close the socket.
func (g *fdGuard) leave() (closes bool) { return !g.state.CompareAndSwap(fdBusy, 0) }

// shut keeps the writer out from now on. True says that the caller has to close
// the socket, which is so once at most. Any goroutine may call it.
func (g *fdGuard) shut() (closes bool) { return g.state.Or(fdShut) == 0 }
