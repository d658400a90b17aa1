package redis

import (
	"context"
	"strconv"
	"time"
)

// takeConnectionSlotScript adds a member unless the set has the allowed number
// already.
//
// A connection slot is a member of a sorted set. Its score is when it expires, in
// ms by the server's clock. The scripts read that clock, so instances need not
// agree on the time.
const takeConnectionSlotScript = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[3])
return 1`

// renewConnectionSlotsScript extends members, and adds those that have been lost.
const renewConnectionSlotsScript = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[1])
return 1`

// TakeConnectionSlot adds a member to the set key for ttl (at least 1 ms), unless
// the set has limit other members already.
func (c *Client) TakeConnectionSlot(ctx context.Context, key, member string, limit int, ttl time.Duration) (taken bool, err error) {
	return c.eval(ctx, "take a connection slot", takeConnectionSlotScript, key, member, strconv.Itoa(limit), millis(ttl))
}

// RenewConnectionSlots extends members of the set key for ttl, and adds those that
// have been lost.
func (c *Client) RenewConnectionSlots(ctx context.Context, key string, members []string, ttl time.Duration) error {
	if len(members) == 0 {
		return nil
	}
	_, err := c.eval(ctx, "renew connection slots", renewConnectionSlotsScript, key, append([]string{millis(ttl)}, members...)...)
	return err
}

// ReleaseConnectionSlots removes members of the set key. A member that is not in
// the set is no error.
func (c *Client) ReleaseConnectionSlots(ctx context.Context, key string, members []string) error {
	if len(members) == 0 {
		return nil
	}
	_, err := c.run(ctx, "release connection slots", onKey{key}, append([]string{"ZREM", key}, members...)...)
	return err
}

func millis(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }
