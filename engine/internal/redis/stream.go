package redis

import (
	"context"
	"slices"
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
	id, err := query(ctx, c.run, "last id of stream "+stream, stream, parseLastID, "EVAL", lastIDScript, "1", stream)
	if replyHas(err, "no such key") {
		return ID{}, nil
	}
	return id, err
}

// parseLastID parses the reply of lastIDScript. On the embedded server it is ""
// before the first entry.
func parseLastID(m *rueidis.RedisMessage) (ID, error) {
	if messageString(*m) == "" {
		return ID{}, nil
	}
	return messageID(m)
}

// Range returns up to count entries with ids between from and to, both included,
// oldest first. They are in the memory of dst: see [Entry].
func (c *Client) Range(ctx context.Context, stream string, from, to ID, count int, dst []Entry) ([]Entry, error) {
	return c.entries(ctx, dst, count, "XRANGE", stream, from.String(), to.String())
}

// RangeBack is Range in reverse: newest first, from to down to from, both included.
func (c *Client) RangeBack(ctx context.Context, stream string, from, to ID, count int, dst []Entry) ([]Entry, error) {
	return c.entries(ctx, dst, count, "XREVRANGE", stream, to.String(), from.String())
}

// entries runs XRANGE or XREVRANGE.
func (c *Client) entries(ctx context.Context, dst []Entry, count int, command, stream, begin, end string) ([]Entry, error) {
	parse := func(m *rueidis.RedisMessage) ([]Entry, error) { return appendEntries(dst, m) }
	entries, err := query(ctx, c.run, "range of stream "+stream, stream, parse, command, stream, begin, end, "COUNT", strconv.Itoa(max(count, 1)))
	if err != nil {
		return clearEntries(dst), err
	}
	return entries, nil
}

// Length returns how many entries the stream holds, 0 when there is none.
func (c *Client) Length(ctx context.Context, stream string) (int64, error) {
	return query(ctx, c.run, "length of stream "+stream, stream, parseInt, "XLEN", stream)
}

// Add appends one record, given as alternating name and value, and returns its id.
// The stream is trimmed to about maxLen entries (XADD MAXLEN ~); 0 trims nothing.
func (c *Client) Add(ctx context.Context, stream string, maxLen int64, fields ...string) (ID, error) {
	return query(ctx, c.run, "add to stream "+stream, stream, messageID, addArgs(stream, maxLen, fields)...)
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
			if _, err := c.Add(ctx, stream, maxLen, records[i]...); err != nil {
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
	for part := range slices.Chunk(ids, 1000) {
		args := append(make([]string, 0, len(command)+len(part)), command...)
		for _, id := range part {
			args = append(args, id.String())
		}
		n, err := query(ctx, c.run, what, command[1], parseInt, args...)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}
