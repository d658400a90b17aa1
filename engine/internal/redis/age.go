package redis

import (
	"context"
	"fmt"
	"math"
	"time"
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
	what := "look for what waits in stream " + stream
	m, err := c.run(ctx, what, onKey{stream}, "EVAL", waitingScript, "1", stream, after.Next().String())
	if err != nil {
		return 0, err
	}
	parts, err := m.ToArray()
	if err != nil || len(parts) != 2 {
		return 0, fmt.Errorf("%s: %w", what, errBadReply)
	}
	now, err := parts[0].AsInt64()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, errBadReply)
	}
	first := messageString(parts[1])
	if first == "" {
		return 0, nil
	}
	id, err := ParseID(first)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return ageOf(id, now), nil
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
	const most = math.MaxInt64 / int64(time.Millisecond)
	if id.Ms >= uint64(max(now, 0)) {
		return time.Millisecond
	}
	return time.Duration(min(now-int64(id.Ms), most)) * time.Millisecond
}
