package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// errNoReply is what a read fails with whose reply did not come in time. Its
// connection has been closed.
var errNoReply = errors.New("no reply in time, connection closed")

// errorReply returns the error reply of the server within err. That a slot of a
// Cluster is elsewhere, or not served just now, is none.
func errorReply(err error) (*rueidis.RedisError, bool) {
	var re *rueidis.RedisError
	if errors.As(err, &re) && !re.IsNil() && !isRedirection(re) {
		return re, true
	}
	return nil, false
}

// replyHas says whether err is an error reply that contains one of the words.
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

// IsNoGroup says whether err means that the consumer group, or the stream with
// it, is not there (any more).
func IsNoGroup(err error) bool {
	return replyHas(err, "NOGROUP", "requires the key to exist", "no such key", "no longer exists")
}

// IsRefused says whether err is an answer of the server: it has been asked, and
// does not do it.
func IsRefused(err error) bool {
	_, isReply := errorReply(err)
	return isReply
}

// IsOutOfMemory says whether err is the refusal of a server at maxmemory. What
// takes no memory still works: reading, acknowledging, deleting, trimming.
func IsOutOfMemory(err error) bool { return replyHas(err, "OOM ") }

// isReadOnly says whether err is the refusal of a server that is a replica.
func isReadOnly(err error) bool { return replyHas(err, "READONLY ") }

// IsConnection says whether err comes from the way to the server and not from
// its answer: refused, cut, no reply in time, a slot that no node serves. What
// became of the command is then unknown. The end of the caller's own context is
// not one of these.
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

// errBadReply is what a reply of an unexpected shape fails with.
var errBadReply = errors.New("reply of an unexpected shape")

// wrapError wraps err with what was attempted. ctx is the caller's context and
// limit the time that the command was given: an end of the caller's context
// is reported as such, our own deadline as errNoReply.
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
		return fmt.Errorf("%s: REDIS_URL leads to a replica, the master is wanted: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
