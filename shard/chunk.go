package shard

import (
	"sync/atomic"

	"pitwall/codec"
)

// chunkKind tells what a lagged connection may lose.
type chunkKind uint8

const (
	chunkLive     chunkKind = iota // positions and roster frames; dropped when the connection lags
	chunkSnapshot                  // what a subscribe has promised or a recovery brings; never dropped
	chunkControl                   // a reply, ping, pong or close frame; never dropped
)

// Chunk is a run of whole WebSocket frames that many connections share. It is
// immutable from its first push until the last connection has let go of it
// (Conn.Done); nobody may look at it after its own Done.
type Chunk struct {
	head []byte // may be a connection's own, in front of a shared body
	body []byte

	part  *part  // the topic's part on the shard that built it; nil for control
	since uint64 // holds what changed in part after this update
	// arrival is the time the oldest position in it reached Redis, in ms
	// since the Unix epoch; 0 when there is none to measure.
	arrival int64
	sealed  int64  // when it was made for those it is pushed to, ns of the core's clock; 0 for no live chunk
	records uint32 // positions in it
	kind    chunkKind
	// deflated marks a body that is the compressed end of a snapshot frame.
	deflated bool

	seams []seam // where body has frames that hold no positions

	home  *pool        // where its memory goes back to; nil for chunks that are not reused
	refs  atomic.Int32 // connections that have it, or heads that share its body; see pool
	taken int32        // those so far, for a chunk that stays (see bodies); the shard's own
	of    *Chunk       // whose body this one's head is for; nil when body is its own
	after *Chunk       // link in pool.returned
}

// seam is a frame without positions among those that have some.
type seam struct {
	at      int    // where it begins
	records uint32 // positions in front of it
}

// NewControl returns a chunk of complete frames that a lagged connection still
// gets. It keeps frames; the caller must not touch them afterwards.
func NewControl(frames []byte) *Chunk {
	return &Chunk{head: frames, kind: chunkControl}
}

// Head and Body are the two runs of bytes to write, in this order. Either may
// be empty. The bytes are shared: read only.
func (c *Chunk) Head() []byte { return c.head }

// Body is the second run of bytes; see Head.
func (c *Chunk) Body() []byte { return c.body }

// Len is the number of bytes in both runs.
func (c *Chunk) Len() int { return len(c.head) + len(c.body) }

// Records is the number of positions in the chunk.
func (c *Chunk) Records() int { return int(c.records) }

// Arrival is when the oldest position in the chunk reached Redis, in ms since
// the Unix epoch, or 0 for chunks whose age says nothing.
func (c *Chunk) Arrival() int64 { return c.arrival }

// Sealed is when a live chunk was made, in ns of the core's clock; 0 for every
// other chunk, whose age is no reason to drop it.
func (c *Chunk) Sealed() int64 { return c.sealed }

// Live reports whether the chunk is part of the live flow.
func (c *Chunk) Live() bool { return c.kind == chunkLive }

// FrameEnd returns the offset just behind the frame that the byte before off
// belongs to: off itself when off stands between two frames. A writer that has
// written off bytes must finish up to here before anything else.
func (c *Chunk) FrameEnd(off int) int {
	// A chunk with an own head is one frame; so is anything else that starts
	// in head, as control frames are never dropped.
	if len(c.head) > 0 {
		if off == 0 {
			return 0
		}
		return c.Len()
	}
	end := 0
	for end < off {
		end += codec.FrameLen(c.body[end:])
	}
	return end
}

// recordsTo returns how many positions are in the first off bytes, at the end
// of which a frame ends. Between two seams there are frames of one position
// each, or one frame with all of them.
func (c *Chunk) recordsTo(off int) uint64 {
	at, n := 0, uint32(0)
	for _, k := range c.seams {
		if k.at == off {
			return uint64(k.records)
		}
		if k.at > off {
			break
		}
		at, n = k.at+codec.FrameLen(c.body[k.at:]), k.records
	}
	if off == c.Len() {
		return uint64(c.records)
	}
	for ; at < off; at += codec.FrameLen(c.body[at:]) {
		n++
	}
	return uint64(n)
}
