package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Right is one permission that a login needs: a command, named as in ACL SETUSER
// (such as xgroup|create), and the key it is used on, "" for commands without one.
type Right struct{ Command, Key string }

// String returns the right as ACL SETUSER grants it.
func (r Right) String() string {
	if r.Key == "" {
		return "+" + r.Command
	}
	return "+" + r.Command + " ~" + r.Key
}

// Rights returns a right for each of the commands on a key.
func Rights(key string, commands ...string) []Right {
	list := make([]Right, len(commands))
	for i, c := range commands {
		list[i] = Right{c, key}
	}
	return list
}

// trials are the commands that MissingRights can check, each with just enough
// arguments for the server to find the key. K stands for the key.
var trials = map[string]string{
	"cluster|slots": "CLUSTER SLOTS", "asking": "ASKING",
	"multi": "MULTI", "ping": "PING", "time": "TIME", "info": "INFO server", "client|id": "CLIENT ID", "client|list": "CLIENT LIST",
	"client|kill": "CLIENT KILL ID 0", "client|setname": "CLIENT SETNAME pitwall",
	"eval": "EVAL 0 1 K", "get": "GET K", "set": "SET K 0", "del": "DEL K", "exists": "EXISTS K", "pexpire": "PEXPIRE K 1",
	"hset": "HSET K f v", "hdel": "HDEL K f", "hgetall": "HGETALL K",
	"zadd": "ZADD K 0 m", "zcard": "ZCARD K", "zrem": "ZREM K m", "zremrangebyscore": "ZREMRANGEBYSCORE K 0 0",
	"xadd": "XADD K * f v", "xtrim": "XTRIM K MAXLEN 0", "memory|usage": "MEMORY USAGE K",
	"xlen": "XLEN K", "xrange": "XRANGE K - +", "xrevrange": "XREVRANGE K + -",
	"xreadgroup": "XREADGROUP GROUP g c STREAMS K >", "xack": "XACK K g 0", "xpending": "XPENDING K g",
	"xautoclaim": "XAUTOCLAIM K g c 0 0", "xinfo|stream": "XINFO STREAM K", "xinfo|groups": "XINFO GROUPS K",
	"xinfo|consumers": "XINFO CONSUMERS K g", "xgroup|create": "XGROUP CREATE K g 0", "xgroup|setid": "XGROUP SETID K g 0",
	"xgroup|destroy": "XGROUP DESTROY K g", "xgroup|delconsumer": "XGROUP DELCONSUMER K g c",
}

// MissingRights returns which of the rights the login lacks. It runs none of the
// commands: it queues them in a transaction, where the server checks rights, and
// closes the connection. That needs the right to MULTI; without it only that right is
// returned. On a Cluster each node that owns one of the keys is asked, because every
// node has its own list of logins.
func (c *Client) MissingRights(ctx context.Context, rights []Right) (missing []Right, err error) {
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	if c.nodes == nil {
		return missingOn(ctx, limited, c.rdb, rights)
	}
	for _, key := range distinctKeys(rights) {
		rdb, n, err := c.owner(limited, key)
		if err != nil {
			return nil, wrapError(ctx, commandTimeout, askRights, err)
		}
		onNode, err := missingOn(ctx, limited, rdb, slices.DeleteFunc(slices.Clone(rights), func(r Right) bool {
			return r.Key != "" && slotOf(r.Key) != slotOf(key)
		}))
		if err != nil {
			c.redirect(key, n, err)
			return nil, err
		}
		for _, r := range onNode {
			if !slices.Contains(missing, r) {
				missing = append(missing, r)
			}
		}
	}
	return missing, nil
}

// distinctKeys returns one key of each slot that rights name, "" when they name
// none.
func distinctKeys(rights []Right) (keys []string) {
	seen := map[uint16]bool{}
	for _, r := range rights {
		if slot := slotOf(r.Key); r.Key != "" && !seen[slot] {
			seen[slot] = true
			keys = append(keys, r.Key)
		}
	}
	if len(keys) == 0 {
		return []string{""}
	}
	return keys
}

// askRights describes MissingRights in errors.
const askRights = "ask for the rights of the login"

// missingOn is MissingRights for one server. limited is ctx with a deadline.
func missingOn(ctx, limited context.Context, rdb rueidis.Client, rights []Right) (missing []Right, err error) {
	// A dedicated connection that is not closed would return to the pool within the
	// transaction, and the library would panic.
	conn, _ := rdb.Dedicate()
	defer conn.Close()
	run := func(words []string) error {
		err := conn.Do(limited, conn.B().Arbitrary(words...).Build()).Error()
		if err == nil || IsRefused(err) {
			return err
		}
		return wrapError(ctx, commandTimeout, askRights, err)
	}
	if err := run([]string{"MULTI"}); isNoPermission(err) {
		return Rights("", "multi"), nil
	} else if err != nil {
		return nil, err
	}
	for _, r := range rights {
		words := strings.Fields(trials[r.Command])
		if len(words) == 0 {
			return nil, fmt.Errorf("%s: no trial for command %s", askRights, r.Command)
		}
		if i := slices.Index(words, "K"); i >= 0 {
			words[i] = r.Key
		}
		switch err := run(words); {
		case isNoPermission(err):
			missing = append(missing, r)
		case isRedirected(err): // the server checks rights before the slot
		case err != nil && !IsRefused(err):
			return nil, err
		}
	}
	return missing, nil
}

// ClusterRights returns the additional rights on a Redis Cluster, none on a single
// server.
func (c *Client) ClusterRights() []Right {
	if c.nodes == nil {
		return nil
	}
	return Rights("", "cluster|slots", "asking")
}

// isNoPermission reports whether err says that the login lacks the right.
func isNoPermission(err error) bool { return replyHas(err, "NOPERM ") }

// errRights is wrapped by the error of CheckRights.
var errRights = errors.New("the login in REDIS_URL lacks rights (Redis ACL)")

// CheckRights returns nil, or an error that names each right that the login lacks,
// as ACL SETUSER grants it. When the server does not answer, [IsConnection] holds
// for the error.
func (c *Client) CheckRights(ctx context.Context, rights []Right) error {
	missing, err := c.MissingRights(ctx, rights)
	if err != nil || len(missing) == 0 {
		return err
	}
	names := make([]string, len(missing))
	for i, r := range missing {
		names[i] = r.String()
	}
	return fmt.Errorf("%w: %s", errRights, strings.Join(names, ", "))
}

// RightsEvery is how often a component checks its rights again.
const RightsEvery = 10 * time.Second
