package redis

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// ReadOptions say what a consumer of a group reads.
type ReadOptions struct {
	Stream   string
	Group    string
	Consumer string
	// From is ">" for entries never delivered to the group, or an id ("0" for
	// all): then the consumer's own pending entries after it are read again,
	// and nothing blocks.
	From string
	// Count is the most entries of one reply, at least 1.
	Count int
	// Block is how long the server waits for a first entry, in whole
	// milliseconds; 0 does not wait.
	Block time.Duration
	// NoAck lets nothing pend: an entry counts as done when it is sent.
	NoAck bool
	// Name is the name of a Reader's connection, for CloseNamed. Any text.
	Name string
}

// args spells the command.
func (o *ReadOptions) args() []string {
	a := make([]string, 0, 12)
	a = append(a, "XREADGROUP", "GROUP", o.Group, o.Consumer, "COUNT", strconv.Itoa(max(o.Count, 1)))
	if o.Block > 0 {
		a = append(a, "BLOCK", strconv.FormatInt(max(o.Block.Milliseconds(), 1), 10))
	}
	if o.NoAck {
		a = append(a, "NOACK")
	}
	return append(a, "STREAMS", o.Stream, o.From)
}

// runRead runs one read on d with a deadline of its own: that of a link, which
// grows while the reply comes, or a fixed one where on is nil.
func runRead(ctx context.Context, d doer, on *link, o *ReadOptions, dst []Entry) ([]Entry, error) {
	limit := o.Block + replyMaxSilence
	var limited context.Context
	var end func()
	if on != nil {
		limited, end = on.await(ctx, o.Block)
	} else {
		limited, end = context.WithTimeout(ctx, limit)
	}
	defer end()
	what := "read stream " + o.Stream
	m, err := d.Do(limited, d.B().Arbitrary(o.args()...).Blocking()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		if cause := context.Cause(limited); cause == errNoReply || cause == errReplyTooLarge {
			err = cause
		}
		return clearEntries(dst), wrapError(ctx, limit, what, err)
	}
	dst, err = parseReadReply(dst, &m)
	if err != nil {
		return dst, wrapError(ctx, limit, what, err)
	}
	return dst, nil
}

// ReadGroup runs one XREADGROUP on a connection that is its own meanwhile. It
// returns dst[:0] and no error when nothing came in time. dst lends its memory:
// see [Entry]. After an error other than an error reply the connection is
// closed; what the group was given meanwhile pends, unless NoAck was set.
//
// It suits a single read. Who reads again and again takes a [Reader].
func (c *Client) ReadGroup(ctx context.Context, o ReadOptions, dst []Entry) ([]Entry, error) {
	dst, err := runRead(ctx, c.target(o.Stream), nil, &o, dst)
	c.leaveReplica(ctx, err, true)
	return dst, err
}
