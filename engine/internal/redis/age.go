package redis

import (
	"context"
	"math"
	"time"

	"github.com/redis/rueidis"
)

// waitingScript returns the server's time in ms and the id of the first entry from
// ARGV[1] on. The content of the entry stays on the server.
const waitingScript = `local t = redis.call('TIME')
local e = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 1)
local id = ''
if e[1] then id = e[1][1] end
return {t[1] * 1000 + math.floor(t[2] / 1000), id}`

// Waiting returns how long the first entry after an id has been in the stream, by
// the server's clock: at least 1 ms, or 0 when there is none.
func (c *Client) Waiting(ctx context.Context, stream string, after ID) (time.Duration, error) {
	return query(ctx, c.run, "age of the first waiting entry of stream "+stream, stream, parseWaiting,
		"EVAL", waitingScript, "1", stream, after.Next().String())
}

// parseWaiting parses the reply of waitingScript.
func parseWaiting(m *rueidis.RedisMessage) (time.Duration, error) {
	parts, err := parsePair(m)
	if err != nil {
		return 0, err
	}
	now, err := parts[0].AsInt64()
	if err != nil || messageString(parts[1]) == "" {
		return 0, err
	}
	id, err := messageID(&parts[1])
	return ageOf(id, now), err
}

// Age returns how long ago an entry of a stream was added, by the server's clock:
// at least 1 ms.
func (c *Client) Age(ctx context.Context, stream string, id ID) (time.Duration, error) {
	now, err := c.Time(ctx, stream)
	if err != nil {
		return 0, err
	}
	return ageOf(id, now.UnixMilli()), nil
}

// ageOf is at least 1 ms, also for an id that is ahead of the clock, and at most
// the longest Duration.
func ageOf(id ID, now int64) time.Duration {
	const longest = math.MaxInt64 / int64(time.Millisecond)
	if id.Ms >= uint64(max(now, 0)) {
		return time.Millisecond
	}
	return time.Duration(min(now-int64(id.Ms), longest)) * time.Millisecond
}
