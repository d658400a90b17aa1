package redis

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// replySlack is how long after its BLOCK time the reply to a read may come
// before the connection is given up.
const replySlack = 2 * time.Second

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

// doer is what runs a command: the client, or a connection of one's own.
type doer interface {
	B() rueidis.Builder
	Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult
}

// read runs one read on d with a deadline of its own.
func read(ctx context.Context, d doer, o *ReadOptions, dst []Entry) ([]Entry, error) {
	limit := o.Block + replySlack
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	what := "read stream " + o.Stream
	m, err := d.Do(limited, d.B().Arbitrary(o.args()...).Blocking()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		return forget(dst), failure(ctx, limit, what, err)
	}
	dst, err = readReply(dst, &m)
	if err != nil {
		return dst, failure(ctx, limit, what, err)
	}
	return dst, nil
}

// ReadGroup runs one XREADGROUP on a connection that is its own meanwhile. It
// returns dst[:0] and no error when nothing came in time. dst lends its memory:
// see [Entry]. After an error other than an error reply the connection is
// closed; what the group was given meanwhile pends, unless NoAck was set.
//
// It suits readers that acknowledge. Who reads with NoAck takes a [Reader].
func (c *Client) ReadGroup(ctx context.Context, o ReadOptions, dst []Entry) ([]Entry, error) {
	dst, err := read(ctx, c.rdb, &o, dst)
	c.leaveReplica(ctx, err, true)
	return dst, err
}

// Reader reads one stream for one consumer on a connection of its own. It is
// used by one goroutine at a time.
type Reader struct {
	c    *Client
	opt  ReadOptions
	conn rueidis.DedicatedClient // nil until the next Read
	id   int64                   // the server's number for conn, 0 where unknown
	lost []int64                 // connections given up, not yet killed on the server
}

// NewReader returns a reader that connects with its first Read. Close ends it.
func (c *Client) NewReader(o ReadOptions) *Reader {
	return &Reader{c: c, opt: o}
}

// Read waits for entries and returns them in dst's memory, see [Entry]. It
// returns dst[:0] and no error when nothing came in time. It returns soon after
// ctx ends.
//
// After an error other than an error reply, and after the refusal of a server
// that became a replica, the connection is gone and the group may have moved
// past entries that nobody received: call Fence, set the group back, and read
// on.
func (r *Reader) Read(ctx context.Context, dst []Entry) ([]Entry, error) {
	if r.conn == nil {
		if err := r.connect(ctx); err != nil {
			return forget(dst), err
		}
	}
	dst, err := read(ctx, r.conn, &r.opt, dst)
	if err != nil {
		if _, isReply := reply(err); !isReply || isReadOnly(err) {
			r.drop()
		}
	}
	return dst, err
}

// connect takes a connection and asks for its number.
func (r *Reader) connect(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	r.conn, _ = r.c.rdb.Dedicate()
	r.id = 0
	id, err := r.conn.Do(limited, r.conn.B().Arbitrary("CLIENT", "ID").Build()).ToInt64()
	if err == nil {
		r.id = id
		return nil
	}
	if _, ok := reply(err); ok {
		return nil // a server without CLIENT ID
	}
	r.drop()
	return failure(ctx, commandTimeout, "connect to read stream "+r.opt.Stream, err)
}

// maxLost bounds the connections that are remembered for Fence. Beyond it the
// oldest is forgotten: its socket has long been closed on our side.
const maxLost = 16

// drop closes the connection and remembers its number.
func (r *Reader) drop() {
	if r.conn == nil {
		return
	}
	r.conn.Close()
	r.conn = nil
	if r.id == 0 {
		return
	}
	if len(r.lost) == maxLost {
		r.lost = r.lost[1:]
	}
	r.lost = append(r.lost, r.id)
	r.id = 0
}

// Fence makes sure that no read of a connection given up can still be served:
// a server that stood still, or a network that lost our goodbye, would move the
// group with a reply that goes nowhere. Numbers are never used twice by one
// server process; on another process the number may name somebody else's
// connection, so Fence forgets them when sameServer is false, together with the
// old server's reads. Where the server has no CLIENT KILL there is no fence.
func (r *Reader) Fence(ctx context.Context, sameServer bool) error {
	if !sameServer {
		r.lost = r.lost[:0]
	}
	for len(r.lost) > 0 {
		_, err := r.c.do(ctx, "close a lost connection", "CLIENT", "KILL", "ID", strconv.FormatInt(r.lost[0], 10))
		if _, isReply := reply(err); err != nil && !isReply {
			return err
		}
		r.lost = r.lost[1:]
	}
	return nil
}

// Close ends the connection. It is called by the goroutine that reads, or
// after it has ended.
func (r *Reader) Close() { r.drop() }
