package redis

import (
	"context"

	"github.com/redis/rueidis"
)

// MaxEntry is how many bytes of names and values an entry may have. A longer entry
// is no position. If it cannot be read, it is skipped by its id.
const MaxEntry = 1 << 20

// Size is how many bytes of names and values the entry has.
func (e *Entry) Size() int { return totalBytes(e.Fields) }

// totalBytes returns the sum of the lengths.
func totalBytes(fields []string) (n int) {
	for _, s := range fields {
		n += len(s)
	}
	return n
}

// entrySizeScript returns id and size of the first entry of a range, or of the last
// one where ARGV[1] is backward. The content of the entry stays on the server.
const entrySizeScript = `local e
if ARGV[1] == 'backward' then
  e = redis.call('XREVRANGE', KEYS[1], ARGV[2], ARGV[3], 'COUNT', 1)[1]
else
  e = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[3], 'COUNT', 1)[1]
end
if not e then return {'', 0} end
local size = 0
for _, s in ipairs(e[2]) do size = size + string.len(s) end
return {e[1], size}`

// Directions of entrySize.
const (
	forward  = "forward"
	backward = "backward"
)

// entrySize returns id and size of the first entry of a range, 0-0 when it is
// empty. backward starts at the newer end.
func (c *commands) entrySize(ctx context.Context, direction, stream, begin, end string) (ID, int, error) {
	parts, err := query(ctx, c.run, "size of an entry of stream "+stream, stream, parsePair,
		"EVAL", entrySizeScript, "1", stream, direction, begin, end)
	if err != nil || messageString(parts[0]) == "" {
		return ID{}, 0, err
	}
	size, err := parts[1].AsInt64()
	if err != nil {
		return ID{}, 0, errBadReply
	}
	id, err := messageID(&parts[0])
	return id, int(size), err
}

// SkipLargeBack walks backwards, starting at to, over consecutive entries that are
// larger than MaxEntry. It returns the oldest of them and how many there are; the
// zero ID when there is none.
func (c *Client) SkipLargeBack(ctx context.Context, stream string, to ID) (last ID, n int, err error) {
	for {
		id, size, err := c.entrySize(ctx, backward, stream, to.String(), "-")
		if err != nil || size <= MaxEntry {
			return last, n, err
		}
		last, to = id, id.Prev()
		n++
	}
}

// SkipLarge walks over consecutive entries after at that are larger than MaxEntry.
// It returns the last of them and how many there are; at and 0 when there is none.
// It looks for them only after the read of a single entry has failed.
func (r *Reader) SkipLarge(ctx context.Context, at ID) (last ID, n int, err error) {
	for last = at; r.count.Exhausted(); n++ {
		id, size, err := r.entrySize(ctx, forward, r.opt.Stream, last.Next().String(), "+")
		if err != nil {
			return at, 0, err
		}
		if size <= MaxEntry {
			break
		}
		last = id
	}
	return last, n, nil
}

// LargePending looks at the first pending entry of a consumer from an id on. It
// returns its size, and whether that is more than MaxEntry.
func (c *Client) LargePending(ctx context.Context, stream, group, consumer string, from ID) (id ID, size int, large bool, err error) {
	id, err = query(ctx, c.run, "pending entries of consumer "+consumer+" on stream "+stream, stream, parseFirstPending,
		"XPENDING", stream, group, from.String(), "+", "1", consumer)
	if err != nil || id.IsZero() {
		return ID{}, 0, false, err
	}
	at := id.String()
	_, size, err = c.entrySize(ctx, forward, stream, at, at)
	return id, size, size > MaxEntry, err
}

// parseFirstPending returns the first id in a reply to XPENDING with a range, 0-0
// when there is none.
func parseFirstPending(m *rueidis.RedisMessage) (ID, error) {
	list, err := m.ToArray()
	if err != nil || len(list) == 0 {
		return ID{}, err
	}
	first, err := list[0].ToArray()
	if err != nil || len(first) == 0 {
		return ID{}, errBadReply
	}
	return messageID(&first[0])
}
