package redis

import (
	"context"
	"strings"

	"github.com/redis/rueidis"
)

// commands are those that a [Client] sends on the connection that all share,
// and a [Reader] on its own. Two connections may lead to two servers, while a
// failover goes on; what must come from one server goes over one connection.
type commands struct {
	// do runs one command that does not block, and wraps its error with what.
	do func(ctx context.Context, what string, args ...string) (rueidis.RedisMessage, error)
}

// RunID names the running server process: it changes when the server is
// restarted and when another one takes its place. It is "" where the server
// does not tell.
func (c *commands) RunID(ctx context.Context) (string, error) {
	m, err := c.do(ctx, "ask for the run id", "INFO", "server")
	if err != nil {
		if _, ok := reply(err); ok {
			return "", nil
		}
		return "", err
	}
	for line := range strings.SplitSeq(text(m), "\n") {
		if id, ok := strings.CutPrefix(line, "run_id:"); ok {
			return strings.TrimSpace(id), nil
		}
	}
	return "", nil
}
