package shard

import "pitwall/codec"

// encoding is how a connection wants live positions.
type encoding uint8

const (
	encodingPlain      encoding = iota // one position frame each
	encodingBatch                      // one positions frame per topic, shard and flush
	encodingCompressed                 // the same, compressed; see deflate.go
	encodings

	uncompressedEncodings = encodingCompressed // the encodings before it are written, the others made of them
)

// Topic is one event's channel. It is immutable except for its schedule, which all
// shards share, and its watchers. Each topic shard belongs to one worker.
type Topic struct {
	event    string
	frames   *codec.Topic
	schedule flushSchedule
	shards   []*topicShard

	watchers int // sessions that watch or wait to; guarded by Core.mu
}

func newTopic(c *Core, event string) *Topic {
	name := TopicName(event)
	t := &Topic{event: event, frames: codec.NewTopic(name), shards: make([]*topicShard, len(c.workers))}
	for i := range t.shards {
		t.shards[i] = &topicShard{topic: t, index: i}
		t.shards[i].deadline = deadline{shard: t.shards[i], class: classNone, pos: -1}
	}
	return t
}

// TopicName is the name of an event's topic in the protocol.
func TopicName(event string) string { return "event:" + event }

// Event is the id of the topic's event.
func (t *Topic) Event() string { return t.event }

// Name is the topic's name in the protocol.
func (t *Topic) Name() string { return TopicName(t.event) }

// topicShard is a topic on one shard: its devices there, in order of last change,
// its subscribers, and the bytes that wait for the next flush. Only the owner of
// the shard's turn touches it.
type topicShard struct {
	topic *Topic
	index int // the shard's number

	// Updates are numbered. seq is the last one, sealed the last one that subscribers
	// are sent: the live ones at the seal, the others at their next tick. What changed
	// after any number is the end of the list of memberships.
	seq, sealed  uint64
	oldest, last *membership
	replaced     *membership // the first that may have a replaced value; see replaced.go
	releasing    bool        // it is in worker.releasing
	departed     uint64      // the newest change of a device that has left since; it is pending while departed > sealed

	watchers   int // subscriptions of every kind; 0: only last values are kept
	live       [encodings]subscribers
	broadcasts int // to the live subscribers that are under way; the next seal waits for them

	pending   [uncompressedEncodings]pending
	arrival   int64    // of the oldest pending position; 0 when none
	delivered int64    // when the first of them was delivered, on the core's clock; 0 when none
	lead      bool     // pending is sent at once: other shards have nothing to add
	deadline  deadline // of the next seal

	classes [len(Intervals)]*class

	cache  snapshotCache
	build  *build // the one that is copying values; nil for none
	fixed  uint64 // the last update that was a correction
	roster rosterLog
}

// pending is what waits for the next flush in one encoding.
type pending struct {
	chunk   *Chunk // its body is what waits; nil while nothing does
	mark    int    // where the open positions frame begins
	open    bool   // a positions frame is open
	records uint32
	size    int // bytes at the last seal: the size for which the next chunk is made

	from uint64 // joins and leaves up to here are not in it, if that is beyond the last seal
}

// add appends a position's body. The chunk must exist: see worker.open.
func (p *pending) add(t *codec.Topic, s encoding, body []byte) {
	c := p.chunk
	if s == encodingPlain {
		c.body = t.AppendPositionFrame(c.body, body)
	} else {
		if !p.open {
			c.body, p.mark = t.BeginPositions(c.body)
			p.open = true
		}
		c.body = t.WidenPositions(t.AppendItem(c.body, body), p.mark)
	}
	p.records++
}

// frame appends a frame of another kind after what is pending.
func (p *pending) frame(t *codec.Topic, frame []byte) {
	p.finish(t)
	p.chunk.rosterMarks = append(p.chunk.rosterMarks, rosterMark{len(p.chunk.body), p.records})
	p.chunk.body = append(p.chunk.body, frame...)
}

// finish closes the open positions frame.
func (p *pending) finish(t *codec.Topic) {
	if p.open {
		p.chunk.body = t.EndPositions(p.chunk.body, p.mark)
		p.open = false
	}
}

// take returns the finished chunk, nil if nothing waits, and starts anew.
func (p *pending) take(t *codec.Topic) *Chunk {
	c := p.chunk
	if c == nil {
		return nil
	}
	p.finish(t)
	c.records = p.records
	*p = pending{size: len(c.body)}
	return c
}
