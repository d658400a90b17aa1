package shard

import (
	"sync/atomic"

	"pitwall/codec"
)

// chunkKind says whether a lagged connection may lose a chunk.
type chunkKind uint8

const (
	chunkLive     chunkKind = iota // positions and roster frames; dropped when the connection lags
	chunkSnapshot                  // the answer to a subscribe, or what a recovery brings; never dropped
	chunkControl                   // a reply, ping, pong or close frame; never dropped
)

// Chunk is a run of whole WebSocket frames that many connections share. It is
// immutable from its first push until the last connection has released it
// (Consumer.Release). A caller must not look at it after that: the memory may
// already hold other frames.
type Chunk struct {
	head []byte // comes first; it may be made for one connection, before a shared body
	body []byte

	shard *topicShard // the topic shard that made it; nil for control
	since uint64      // it holds what changed in shard after this update
	// arrival is when the oldest position in it reached Redis, in ms since the Unix
	// epoch by this machine's clock; 0 if its age is not measured.
	arrival int64
	sealed  int64  // when a live chunk was made, ns of the core's clock; 0 for other chunks
	records uint32 // positions in it
	kind    chunkKind
	// compressed marks a body that is the compressed end of a snapshot frame.
	compressed bool

	rosterMarks []rosterMark // the frames of body that hold no positions

	pool         *pool        // gets its memory back; nil for chunks that are not reused
	refs         atomic.Int32 // how many connections, or heads that share its body, have it; see chunk_refs.go
	takers       int32        // how many have taken it, if it is not broadcast; the shard's own
	shares       *Chunk       // the chunk whose body it shares; nil when the body is its own
	nextReturned *Chunk       // link in pool.returned
}

// rosterMark is a frame without positions among frames that have some.
type rosterMark struct {
	at      int    // where the frame begins
	records uint32 // positions before it
}

// NewControl returns a chunk of complete frames, which a connection gets even if it
// lags. It keeps frames; the caller must not touch them afterwards.
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

// Arrival is when the oldest position in the chunk reached Redis, in ms since the Unix
// epoch by this machine's clock; 0 if its age is not measured.
func (c *Chunk) Arrival() int64 { return c.arrival }

// Sealed is when a live chunk was made, in ns of the core's clock. It is 0 for every
// other chunk, since those are not dropped for their age.
func (c *Chunk) Sealed() int64 { return c.sealed }

// Live reports whether the chunk belongs to the live flow.
func (c *Chunk) Live() bool { return c.kind == chunkLive }

// FrameEnd returns the offset of the end of the frame that the byte before off
// belongs to: off itself when off is between two frames. A writer that has written
// off bytes must write up to here before it writes anything of another chunk.
func (c *Chunk) FrameEnd(off int) int {
	// A chunk with a head is one frame. Control chunks may be several, but a
	// writer always writes them to their end.
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

// recordsTo returns how many positions are in the first off bytes. off must be the end
// of a frame. Between two roster marks there are frames of one position each, or one
// frame with all of them.
func (c *Chunk) recordsTo(off int) uint64 {
	at, n := 0, uint32(0)
	for _, k := range c.rosterMarks {
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
