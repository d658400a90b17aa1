package redis

import (
	"context"
	"strconv"
	"time"
)

// Connection slots are members of a sorted set whose scores are the moments, in ms of the
// server's clock, at which they run out. The scripts read that clock, so that
// instances need not agree on the time.

// takeConnectionSlotScript adds a member unless most others are there.
const takeConnectionSlotScript = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[3])
return 1`

// renewConnectionSlotsScript prolongs members, those that were lost included.
const renewConnectionSlotsScript = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[1])
return 1`

// TakeConnectionSlot adds a member to the set key for ttl (at least 1 ms), unless most
// others are there already.
func (c *Client) TakeConnectionSlot(ctx context.Context, key, member string, most int, ttl time.Duration) (taken bool, err error) {
	return c.eval(ctx, "take a connection slot", takeConnectionSlotScript, key, member, strconv.Itoa(most), millis(ttl))
}

// RenewConnectionSlots prolongs members of the set key, and adds those that are not there
// any more.
func (c *Client) RenewConnectionSlots(ctx context.Context, key string, members []string, ttl time.Duration) error {
	if len(members) == 0 {
		return nil
	}
	_, err := c.eval(ctx, "renew connection slots", renewConnectionSlotsScript, key, append([]string{millis(ttl)}, members...)...)
	return err
}

// ReleaseConnectionSlots removes members of the set key. Those that are not there are no
// error.
func (c *Client) ReleaseConnectionSlots(ctx context.Context, key string, members []string) error {
	if len(members) == 0 {
		return nil
	}
	_, err := c.do(ctx, "release connection slots", onKey{key}, append([]string{"ZREM", key}, members...)...)
	return err
}

func millis(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 1), 10) }
