package redis

import (
	"cmp"
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
	// From is ">" for entries that were never delivered to the group. With an id
	// ("0" for all) the consumer's own pending entries after it are read again,
	// and nothing blocks.
	From string
	// Count is the most entries of one reply, at least 1.
	Count int
	// Block is how long the server waits for a first entry, in whole
	// milliseconds; 0 does not wait.
	Block time.Duration
	// NoAck leaves nothing pending: the server counts an entry as acknowledged
	// when it sends it.
	NoAck bool
	// MaxReply is how many bytes the reply may have; 0 is 64 MiB.
	MaxReply int64
	// Name names the Reader's connection for CloseNamed. Any text.
	Name string
}

// maxReply is MaxReply with its default.
func (o *ReadOptions) maxReply() int64 { return cmp.Or(o.MaxReply, replyMaxBytes) }

// args returns the words of the command.
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

// runRead runs one read on d with a deadline. With a link, the deadline is extended
// while the reply arrives; without one (nil) it is fixed.
func runRead(ctx context.Context, d doer, l *link, o *ReadOptions, dst []Entry) ([]Entry, error) {
	limit := o.Block + replyMaxSilence
	var limited context.Context
	var end func()
	if l != nil {
		limited, end = l.await(ctx, o.Block, o.maxReply())
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
