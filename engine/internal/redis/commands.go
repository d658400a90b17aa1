package redis

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// commands are the commands of both a [Client], on the shared connection, and a
// [Reader], on its own. During a failover two connections may lead to two servers,
// so commands that must reach the same server go over the same connection.
type commands struct {
	run runner
	// fixedRunID is the answer of RunID for the embedded server, "" for any other.
	fixedRunID string
	// streamKey is a second key that TakeLease names, "" for none. A Reader on a Cluster
	// names its stream. While their slot is being moved, the lease and the stream may be
	// on different nodes. The server then refuses a command that names both. Without the
	// stream, the command could create a second lease on the new node.
	streamKey string
}

// onKey says which server of a Cluster a command goes to: the one that holds the key. A
// single server holds every key. Commands without a key need it as well. It has a type
// of its own so that it cannot be mistaken for an argument of the command.
type onKey struct{ key string }

// runner runs one command that does not block, and wraps its error with what.
type runner func(ctx context.Context, what string, to onKey, args ...string) (rueidis.RedisMessage, error)

// query runs one command on a key and parses its reply. Any error of parse is
// reported as errBadReply, without the content of the reply.
func query[T any](ctx context.Context, run runner, what, key string, parse func(*rueidis.RedisMessage) (T, error), args ...string) (T, error) {
	var none T
	m, err := run(ctx, what, onKey{key}, args...)
	if err != nil {
		return none, err
	}
	v, err := parse(&m)
	if err != nil {
		return none, fmt.Errorf("%s: %w", what, errBadReply)
	}
	return v, nil
}

// Parsers of replies, for query.
var (
	parseInt    = (*rueidis.RedisMessage).AsInt64
	parseFields = (*rueidis.RedisMessage).AsStrMap
)

// parsePair parses an array of two elements.
func parsePair(m *rueidis.RedisMessage) ([]rueidis.RedisMessage, error) {
	parts, err := m.ToArray()
	if err != nil || len(parts) != 2 {
		return nil, errBadReply
	}
	return parts, nil
}

// parseIntPair parses an array of two numbers.
func parseIntPair(m *rueidis.RedisMessage) ([]int64, error) {
	parts, err := m.AsIntSlice()
	if err != nil || len(parts) != 2 {
		return nil, errBadReply
	}
	return parts, nil
}

// embeddedServer is the name that the embedded server reports.
const embeddedServer = "miniredis"

// RunID identifies the running server process: it changes when the server restarts
// and when another server takes its place. It is "" where the server does not tell.
// On a Cluster only a Reader may ask.
//
// The embedded server does not tell, but a constant is enough: it has no replicas,
// and after a restart its streams are empty.
func (c *commands) RunID(ctx context.Context) (string, error) {
	if c.fixedRunID != "" {
		return c.fixedRunID, nil
	}
	m, err := c.run(ctx, "ask for the run id", onKey{}, "INFO", "server")
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
