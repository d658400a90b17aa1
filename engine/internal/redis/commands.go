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
	do func(ctx context.Context, what string, to onKey, args ...string) (rueidis.RedisMessage, error)
	// fixedRunID is the run id of a server that is the only one of its kind, "" for any
	// other; see RunID.
	fixedRunID string
	// streamKey is a key that TakeLease names beside the lease's, "" for none: a Reader
	// on a Cluster names its stream. While their slot moves, the lease may be on
	// another node than the stream; naming both keeps the Reader from making a
	// second one.
	streamKey string
}

// onKey says which server of a Cluster a command goes to: the one that has the key,
// also for commands without one. It has a type of its own so that nobody takes it
// for a word of the command. A single server has every key.
type onKey struct{ key string }

// embeddedServer is what the embedded server calls itself.
const embeddedServer = "miniredis"

// RunID names the running server process: it changes when the server is
// restarted and when another one takes its place. It is "" where the server
// does not tell. On a Cluster only a Reader may ask. The embedded server does not
// tell either, but nothing takes its place: it has no replicas, and when it is
// started again its streams are empty.
func (c *commands) RunID(ctx context.Context) (string, error) {
	if c.fixedRunID != "" {
		return c.fixedRunID, nil
	}
	m, err := c.do(ctx, "ask for the run id", onKey{}, "INFO", "server")
	if err != nil {
		if _, ok := errorReply(err); ok {
			return "", nil
		}
		return "", err
	}
	for line := range strings.SplitSeq(messageString(m), "\n") {
		if id, ok := strings.CutPrefix(line, "run_id:"); ok {
			return strings.TrimSpace(id), nil
		}
	}
	return "", nil
}
