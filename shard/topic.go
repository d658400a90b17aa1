package shard

import "pitwall/codec"

// encoding is how a connection wants live positions.
type encoding uint8

const (
	encodingPlain      encoding = iota // one position frame each
	encodingBatch                      // one positions frame per topic, shard and flush
	encodingCompressed                 // the same, compressed; see deflate.go
	encodings

	uncompressedEncodings = encodingCompressed // those before it; the others are made of their bytes
)

// Topic is one event's channel. It is immutable except for its schedule, which all
// shards share, and its watchers. Each topic shard belongs to one worker.
type Topic struct {
	core     *Core
	event    string
	frames   *codec.Topic
	schedule flushSchedule
	shards   []*topicShard

	watchers int // calls of Watch without an Unwatch; guarded by Core.mu
}

func newTopic(c *Core, event string) *Topic {
	name := TopicName(event)
	t := &Topic{core: c, event: event, frames: codec.NewTopic(name), shards: make([]*topicShard, len(c.workers))}
	for i := range t.shards {
		t.shards[i] = &topicShard{topic: t, index: i}
		t.shards[i].history.from.Store(c.ServerTime()/1000 + 1)
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
	departed     uint64      // the last update of a device that has left since; it is pending while departed > sealed

	watchers   int // subscriptions of every kind; while there are none, only last values are kept
	live       [encodings]subscribers
	broadcasts int // broadcasts to live that are under way; the next seal waits for them

	pending   [uncompressedEncodings]pending
	arrival   int64    // of the oldest pending position; 0 when none
	delivered int64    // when the first of them was delivered, on the core's clock; 0 when none
	lead      bool     // the next seal is at once, and writers need not wait for other shards
	deadline  deadline // of the next seal

	classes [len(Intervals)]*class

	cache  snapshotCache
	build  *build // the one that is copying values; nil for none
	fixed  uint64 // the last update that was a correction
	roster rosterLog

	history history
}
