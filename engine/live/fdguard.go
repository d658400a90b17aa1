package live

import "sync/atomic"

// fdGuard lets a session's writer use the descriptor of its socket without the locks of
// package net, although any goroutine may close the socket. Without it, a descriptor
// that is closed during a write could already belong to another connection. If another
// goroutine wants to close the socket while the writer uses the descriptor, the writer
// closes it afterwards.
//
// Memory ordering: both sides change state by one atomic operation, so one of the two
// comes first. If enter does, shut sees fdBusy and does not close; if shut does, enter
// fails. leave sees that shut has left the closing to it.
type fdGuard struct {
	fd    int32 // noDescriptor unless it is a plain socket
	state atomic.Uint32
}

const noDescriptor = -1

// Bits of fdGuard.state.
const (
	fdBusy = 1 << iota // the writer uses the descriptor
	fdShut             // the socket is to be closed: enter fails from now on
)

// enter begins the use of the descriptor. ok is false if the socket is closed or about
// to be. Only the goroutine that may write calls it.
func (g *fdGuard) enter() (ok bool) { return g.state.CompareAndSwap(0, fdBusy) }

// leave ends the use. If closes is true, the caller must close the socket.
func (g *fdGuard) leave() (closes bool) { return !g.state.CompareAndSwap(fdBusy, 0) }

// shut keeps the writer out from now on. If closes is true, which it is once at most,
// the caller must close the socket. Any goroutine may call it.
func (g *fdGuard) shut() (closes bool) { return g.state.Or(fdShut) == 0 }
