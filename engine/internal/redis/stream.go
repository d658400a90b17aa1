package redis

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"
)

// lastIDScript returns the last id of a stream. XINFO STREAM also returns the
// content of the first and last entry; the script keeps it on the server.
const lastIDScript = `local info = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then return info[i + 1] end
end
return ''`

// LastID returns the last id that the stream has assigned, even if that entry has
// been deleted since: 0-0 when there is no stream.
func (c *commands) LastID(ctx context.Context, stream string) (ID, error) {
	what := "last id of stream " + stream
	m, err := c.run(ctx, what, onKey{stream}, "EVAL", lastIDScript, "1", stream)
	if err != nil {
		if replyHas(err, "no such key") {
			return ID{}, nil
		}
		return ID{}, err
	}
	last := messageString(m)
	if last == "" { // the embedded server, before the first entry
		return ID{}, nil
	}
	id, err := ParseID(last)
	if err != nil {
		return ID{}, fmt.Errorf("%s: %w", what, err)
	}
	return id, nil
}

// FirstID returns the id of the oldest entry in the stream: 0-0 when there is none.
func (c *Client) FirstID(ctx context.Context, stream string) (ID, error) {
	entries, err := c.Range(ctx, stream, ID{}, MaxID, 1, nil)
	if err != nil || len(entries) == 0 {
		return ID{}, err
	}
	return entries[0].ID, nil
}

// Range returns up to count entries with ids between from and to, both included,
// oldest first. dst lends its memory: see [Entry].
func (c *Client) Range(ctx context.Context, stream string, from, to ID, count int, dst []Entry) ([]Entry, error) {
	return c.entries(ctx, dst, count, "XRANGE", stream, from.String(), to.String())
}

// RangeBack is Range in reverse: newest first, from to down to from, both included.
func (c *Client) RangeBack(ctx context.Context, stream string, from, to ID, count int, dst []Entry) ([]Entry, error) {
	return c.entries(ctx, dst, count, "XREVRANGE", stream, to.String(), from.String())
}

// entries runs XRANGE or XREVRANGE.
func (c *Client) entries(ctx context.Context, dst []Entry, count int, command, stream, begin, end string) ([]Entry, error) {
	what := "range of stream " + stream
	m, err := c.run(ctx, what, onKey{stream}, command, stream, begin, end, "COUNT", strconv.Itoa(max(count, 1)))
	if err != nil {
		return clearEntries(dst), err
	}
	dst, err = appendEntries(dst, &m)
	if err != nil {
		return dst, fmt.Errorf("%s: %w", what, err)
	}
	return dst, nil
}

// Length returns how many entries the stream holds, 0 when there is none.
func (c *Client) Length(ctx context.Context, stream string) (int64, error) {
	what := "length of stream " + stream
	m, err := c.run(ctx, what, onKey{stream}, "XLEN", stream)
	if err != nil {
		return 0, err
	}
	n, err := m.AsInt64()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, errBadReply)
	}
	return n, nil
}

// Add appends one record, given as alternating name and value, and returns its id.
// The stream is trimmed to about maxLen entries (XADD MAXLEN ~); 0 trims nothing.
func (c *Client) Add(ctx context.Context, stream string, maxLen int64, fields ...string) (ID, error) {
	m, err := c.run(ctx, "add to stream "+stream, onKey{stream}, addArgs(stream, maxLen, fields)...)
	if err != nil {
		return ID{}, err
	}
	id, err := messageID(&m)
	if err != nil {
		return ID{}, fmt.Errorf("add to stream %s: %w", stream, err)
	}
	return id, nil
}

// AddAll appends records in one round trip, in order, each given as alternating
// name and value. It returns the first error; after it any part of the records may
// have been added.
func (c *Client) AddAll(ctx context.Context, stream string, maxLen int64, records [][]string) error {
	if len(records) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	rdb, at, err := c.owner(limited, stream)
	if err != nil {
		return wrapError(ctx, commandTimeout, "add to stream "+stream, err)
	}
	cmds := make([]rueidis.Completed, len(records))
	for i, fields := range records {
		cmds[i] = rdb.B().Arbitrary(addArgs(stream, maxLen, fields)...).Build()
	}
	for i, r := range rdb.DoMulti(limited, cmds...) {
		err := r.Error()
		if err == nil {
			continue
		}
		if _, elsewhere := c.redirect(stream, at, err); elsewhere {
			if _, err := c.run(ctx, "add to stream "+stream, onKey{stream}, addArgs(stream, maxLen, records[i])...); err != nil {
				return err
			}
			continue
		}
		c.leaveReplica(ctx, err)
		return wrapError(ctx, commandTimeout, "add to stream "+stream, err)
	}
	return nil
}

// addArgs returns the words of XADD.
func addArgs(stream string, maxLen int64, fields []string) []string {
	a := make([]string, 0, len(fields)+6)
	a = append(a, "XADD", stream)
	if maxLen > 0 {
		a = append(a, "MAXLEN", "~", strconv.FormatInt(maxLen, 10))
	}
	return append(append(a, "*"), fields...)
}

// Delete removes entries from a stream and returns how many existed.
func (c *Client) Delete(ctx context.Context, stream string, ids []ID) (int64, error) {
	return c.eachThousand(ctx, "delete from stream "+stream, []string{"XDEL", stream}, ids)
}

// eachThousand runs a command, whose second word is the key, on ids, a thousand at
// a time, and adds up the numbers in the replies.
func (c *Client) eachThousand(ctx context.Context, what string, command []string, ids []ID) (total int64, err error) {
	const most = 1000
	args := make([]string, 0, len(command)+min(len(ids), most))
	for len(ids) > 0 {
		part := ids[:min(len(ids), most)]
		ids = ids[len(part):]
		args = append(args[:0], command...)
		for _, id := range part {
			args = append(args, id.String())
		}
		m, err := c.run(ctx, what, onKey{command[1]}, args...)
		if err != nil {
			return total, err
		}
		n, err := m.AsInt64()
		if err != nil {
			return total, fmt.Errorf("%s: %w", what, errBadReply)
		}
		total += n
	}
	return total, nil
}
