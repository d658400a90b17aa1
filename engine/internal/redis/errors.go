package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// errNoReply is the error of a read whose reply did not come in time. Its
// connection has been closed.
var errNoReply = errors.New("no reply in time, connection closed")

// errorReply returns the error reply of the server within err. A redirection of a
// Cluster is not an error reply.
func errorReply(err error) (*rueidis.RedisError, bool) {
	var re *rueidis.RedisError
	if errors.As(err, &re) && !re.IsNil() && !isRedirection(re) {
		return re, true
	}
	return nil, false
}

// replyHas reports whether err is an error reply that contains one of the words.
func replyHas(err error, words ...string) bool {
	re, ok := errorReply(err)
	if !ok {
		return false
	}
	text := re.Error()
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// IsNoGroup reports whether err means that the consumer group or its stream does
// not exist.
func IsNoGroup(err error) bool {
	return replyHas(err, "NOGROUP", "requires the key to exist", "no such key", "no longer exists")
}

// IsRefused reports whether err is an error reply: the server received the command
// and refused it. The answer of a server that is loading its data does not count as
// a refusal, because it is only temporary.
func IsRefused(err error) bool {
	_, isReply := errorReply(err)
	return isReply && !isLoading(err)
}

// isLoading reports whether err is the answer of a server that is loading its data
// after a start.
func isLoading(err error) bool { return replyHas(err, "LOADING ") }

// IsOutOfMemory reports whether err is the refusal of a server at maxmemory.
// Commands that take no memory still work: reading, acknowledging, deleting,
// trimming.
func IsOutOfMemory(err error) bool { return replyHas(err, "OOM ") }

// isReadOnly reports whether err is the refusal of a server that is a replica.
func isReadOnly(err error) bool { return replyHas(err, "READONLY ") }

// IsConnection reports whether err comes from the connection and not from the
// server's answer: connection refused, connection cut, no reply in time, a slot
// that no node serves. Whether the command was run is then unknown. The end of the
// caller's own context is not such an error.
func IsConnection(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if errors.Is(err, errNoReply) || errors.Is(err, errReplyTooLarge) {
		return true
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errBadReply) || errors.Is(err, errRights) {
		return false
	}
	_, isReply := errorReply(err)
	return !isReply
}

// errBadReply is the error for a reply of unexpected form.
var errBadReply = errors.New("reply of an unexpected form")

// wrapError wraps err with what was attempted. ctx is the caller's context and
// limit the deadline of the command. The end of the caller's context is reported as
// such, our own deadline as errNoReply.
func wrapError(ctx context.Context, limit time.Duration, what string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s: %w", what, cause)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w (%v)", what, errNoReply, limit)
	}
	if IsOutOfMemory(err) {
		return fmt.Errorf("%s: Redis is at maxmemory, trim the streams (XTRIM) or raise it (CONFIG SET maxmemory): %w", what, err)
	}
	if isReadOnly(err) {
		return fmt.Errorf("%s: REDIS_URL leads to a replica, want the master: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
