package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// takeLeaseScript gives the key to the token when it is free or has this token
// already. One script takes and renews: a holder whose lease has expired takes it
// again in the same step in which it finds it gone.
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
	m, err := c.run(ctx, what, onKey{keys[0]}, append(words, args...)...)
	if err != nil {
		return false, err
	}
	n, err := m.AsInt64()
	if err != nil {
		return false, fmt.Errorf("%s: %w", what, errBadReply)
	}
	return n == 1, nil
}

// Exists reports whether the key exists.
func (c *Client) Exists(ctx context.Context, key string) (bool, error) {
	m, err := c.run(ctx, "look for key "+key, onKey{key}, "EXISTS", key)
	if err != nil {
		return false, err
	}
	n, err := m.AsInt64()
	if err != nil {
		return false, fmt.Errorf("look for key %s: %w", key, errBadReply)
	}
	return n == 1, nil
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
	m, err := c.run(ctx, "read "+key, onKey{key}, "HGETALL", key)
	if err != nil {
		return nil, err
	}
	fields, err := m.AsStrMap()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, errBadReply)
	}
	return fields, nil
}
