package redis

import (
	"context"
	"strconv"
	"time"
)

// takeLeaseScript sets the key to the token, unless it has another token. The same
// script takes and renews: if the lease of a holder has expired, renewing takes it
// again in one step.
const takeLeaseScript = `local v = redis.call('GET', KEYS[1])
if v and v ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

// dropLeaseScript deletes the key when it has this token.
const dropLeaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`

// TakeLease takes or renews the lease key for ttl (at least 1 ms). held is false
// when the key has another token.
func (c *commands) TakeLease(ctx context.Context, key, token string, ttl time.Duration) (held bool, err error) {
	keys := []string{key}
	if c.streamKey != "" {
		keys = append(keys, c.streamKey)
	}
	return c.evalOn(ctx, "take lease "+key, takeLeaseScript, keys, token, millis(ttl))
}

// DropLease releases the lease key. dropped is false when it did not have this
// token.
func (c *Client) DropLease(ctx context.Context, key, token string) (dropped bool, err error) {
	return c.eval(ctx, "drop lease "+key, dropLeaseScript, key, token)
}

// allowOOM lets a script write while the server is at maxmemory (Redis 7.0 and
// Valkey). Leases and connection slots take a few bytes. Without them the work that
// frees memory would stop.
const allowOOM = "#!lua flags=allow-oom\n"

// eval runs a script on one key, also at maxmemory. It reports whether the script
// returned 1.
func (c *commands) eval(ctx context.Context, what, script, key string, args ...string) (bool, error) {
	return c.evalOn(ctx, what, script, []string{key}, args...)
}

// evalOn is eval for several keys in one slot.
func (c *commands) evalOn(ctx context.Context, what, script string, keys []string, args ...string) (bool, error) {
	if c.fixedRunID != embeddedServer { // it has neither the flag nor maxmemory
		script = allowOOM + script
	}
	words := append([]string{"EVAL", script, strconv.Itoa(len(keys))}, keys...)
	n, err := query(ctx, c.run, what, keys[0], parseInt, append(words, args...)...)
	return n == 1, err
}

// Exists reports whether the key exists.
func (c *Client) Exists(ctx context.Context, key string) (bool, error) {
	n, err := query(ctx, c.run, "look for key "+key, key, parseInt, "EXISTS", key)
	return n == 1, err
}

// HashSet sets one field of a hash.
func (c *Client) HashSet(ctx context.Context, key, field, value string) error {
	_, err := c.run(ctx, "set a field of "+key, onKey{key}, "HSET", key, field, value)
	return err
}

// HashDelete deletes one field of a hash. A field that does not exist is no error.
func (c *Client) HashDelete(ctx context.Context, key, field string) error {
	_, err := c.run(ctx, "delete a field of "+key, onKey{key}, "HDEL", key, field)
	return err
}

// Hash returns all fields of a hash, empty when there is none. It suits small
// hashes only.
func (c *Client) Hash(ctx context.Context, key string) (map[string]string, error) {
	return query(ctx, c.run, "read "+key, key, parseFields, "HGETALL", key)
}
