package live

import "sync/atomic"

// gate lets a session's writer use the descriptor of its socket without the
// locks of package net, while any goroutine may hang up: a descriptor that was
// closed under a write could be another connection's by then. Whoever hangs up
// while the writer is inside leaves the closing to the writer.
//
// Memory ordering: both sides change state by one atomic operation, of which
// one comes first. If enter does, shut sees gateBusy and does not close; if
// shut does, enter fails. leave sees what shut has left it.
type gate struct {
	fd    int32 // the descriptor; noDescriptor for what is no plain socket
	state atomic.Uint32
}

const noDescriptor = -1

// Bits of gate.state.
const (
	gateBusy = 1 << iota // the writer is inside
	gateShut             // hung up: nobody comes in any more
)

// enter is called by the one goroutine that may write. False says that the
// connection has been hung up.
func (g *gate) enter() bool { return g.state.CompareAndSwap(0, gateBusy) }

// leave follows enter. True says that the caller has to close the socket.
func (g *gate) leave() (closes bool) { return !g.state.CompareAndSwap(gateBusy, 0) }

// shut keeps everybody out from now on. True says that the caller has to close
// the socket; it does once at most. Any goroutine may call it.
func (g *gate) shut() (closes bool) { return g.state.Or(gateShut) == 0 }
