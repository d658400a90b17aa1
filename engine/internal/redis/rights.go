package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Right is what a login needs: a command, named as ACL SETUSER names it (such as
// xgroup|create), and the key it is used on, "" for commands without one.
type Right struct{ Command, Key string }

// String is the right as ACL SETUSER grants it.
func (r Right) String() string {
	if r.Key == "" {
		return "+" + r.Command
	}
	return "+" + r.Command + " ~" + r.Key
}

// Rights lists a right to each of the commands on a key.
func Rights(key string, commands ...string) []Right {
	list := make([]Right, len(commands))
	for i, c := range commands {
		list[i] = Right{c, key}
	}
	return list
}

// trials are calls of the commands that Missing knows: just long enough for the
// server to see which key they use. K stands for the key.
var trials = map[string]string{
	"multi": "MULTI", "ping": "PING", "time": "TIME", "info": "INFO server", "client|id": "CLIENT ID", "client|list": "CLIENT LIST",
	"client|kill": "CLIENT KILL ID 0", "client|setname": "CLIENT SETNAME pitwall",
	"eval": "EVAL 0 1 K", "get": "GET K", "set": "SET K 0", "del": "DEL K", "exists": "EXISTS K", "pexpire": "PEXPIRE K 1",
	"hset": "HSET K f v", "hdel": "HDEL K f", "hgetall": "HGETALL K",
	"zadd": "ZADD K 0 m", "zcard": "ZCARD K", "zrem": "ZREM K m", "zremrangebyscore": "ZREMRANGEBYSCORE K 0 0",
	"xadd": "XADD K * f v", "xtrim": "XTRIM K MAXLEN 0", "memory|usage": "MEMORY USAGE K", "xlen": "XLEN K", "xrange": "XRANGE K - +", "xrevrange": "XREVRANGE K + -",
	"xreadgroup": "XREADGROUP GROUP g c STREAMS K >", "xack": "XACK K g 0", "xpending": "XPENDING K g",
	"xautoclaim": "XAUTOCLAIM K g c 0 0", "xinfo|stream": "XINFO STREAM K", "xinfo|groups": "XINFO GROUPS K",
	"xinfo|consumers": "XINFO CONSUMERS K g", "xgroup|create": "XGROUP CREATE K g 0", "xgroup|setid": "XGROUP SETID K g 0",
	"xgroup|destroy": "XGROUP DESTROY K g", "xgroup|delconsumer": "XGROUP DELCONSUMER K g c",
}

// Missing returns which of the rights the login lacks. Nothing is run or
// written: the commands are queued in a transaction, where the server checks
// rights, and go with the connection. That takes the right to MULTI: without it
// the answer names that, and no other.
func (c *Client) Missing(ctx context.Context, rights []Right) (missing []Right, err error) {
	const what = "ask for the rights of the login"
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	// The library panics over a connection that comes back in a transaction.
	conn, _ := c.links.dedicate(c.rdb)
	defer conn.Close()
	run := func(words []string) error {
		err := conn.Do(limited, conn.B().Arbitrary(words...).Build()).Error()
		if err == nil || IsRefused(err) {
			return err
		}
		return failure(ctx, commandTimeout, what, err)
	}
	if slices.Contains(rights, exec) { // it cannot be queued
		if err := run([]string{"EXEC"}); refused(err) {
			missing = append(missing, exec)
		}
	}
	if err := run([]string{"MULTI"}); refused(err) {
		return Rights("", "multi"), nil
	} else if err != nil {
		return nil, err
	}
	for _, r := range rights {
		if r == exec {
			continue
		}
		words := strings.Fields(trials[r.Command])
		if len(words) == 0 {
			return nil, fmt.Errorf("%s: %s cannot be tried", what, r.Command)
		}
		if i := slices.Index(words, "K"); i >= 0 {
			words[i] = r.Key
		}
		switch err := run(words); {
		case refused(err):
			missing = append(missing, r)
		case err != nil && !IsRefused(err):
			return nil, err
		}
	}
	return missing, nil
}

// exec is the right to EXEC.
var exec = Right{Command: "exec"}

// refused says whether err means that the login may not do it.
func refused(err error) bool { return replyHas(err, "NOPERM ") }

// errRights is what CheckRights wraps.
var errRights = errors.New("the login in REDIS_URL has not all rights it needs (Redis ACL)")

// CheckRights returns nil, or an error that names each of the rights that the
// login lacks, as ACL SETUSER grants them. A server that did not answer is
// reported as such, see [IsConnection].
func (c *Client) CheckRights(ctx context.Context, rights []Right) error {
	missing, err := c.Missing(ctx, rights)
	if err != nil || len(missing) == 0 {
		return err
	}
	names := make([]string, len(missing))
	for i, r := range missing {
		names[i] = r.String()
	}
	return fmt.Errorf("%w: %s", errRights, strings.Join(names, ", "))
}

// RightsEvery is how often parts ask again whether they have their rights.
const RightsEvery = 10 * time.Second
