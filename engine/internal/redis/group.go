package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// CreateGroup creates the consumer group, and the stream if there is none
// (MKSTREAM). The first entry that the group is given is the first one after at:
// the zero ID gives it the whole stream. created is false when the group exists; it
// is left unchanged. At maxmemory an existing group is still found, but none is
// created.
func (c *commands) CreateGroup(ctx context.Context, stream, group string, at ID) (created bool, err error) {
	_, err = c.run(ctx, "create group "+group+" on stream "+stream, onKey{stream},
		"XGROUP", "CREATE", stream, group, at.String(), "MKSTREAM")
	if replyHas(err, "BUSYGROUP") {
		return false, nil
	}
	if IsOutOfMemory(err) {
		if _, there, asked := c.GroupLastDelivered(ctx, stream, group); asked == nil && there {
			return false, nil
		}
	}
	return err == nil, err
}

// SetGroupID moves the group so that its next entry is the first one after at.
// Pending entries stay pending, except on a server without XGROUP SETID (the
// embedded one): there the group is destroyed and created again, so it must have no
// pending entries. If there is no such group, IsNoGroup holds for the error.
func (c *commands) SetGroupID(ctx context.Context, stream, group string, at ID) error {
	what := "set back group " + group + " on stream " + stream
	_, err := c.run(ctx, what, onKey{stream}, "XGROUP", "SETID", stream, group, at.String())
	if !replyHas(err, "not supported", "unknown subcommand", "Unknown subcommand") {
		return err
	}
	if _, err := c.DestroyGroup(ctx, stream, group); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if _, err := c.CreateGroup(ctx, stream, group, at); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// DestroyGroup deletes the group with its pending entries. destroyed is false when
// there was none.
func (c *commands) DestroyGroup(ctx context.Context, stream, group string) (destroyed bool, err error) {
	m, err := c.run(ctx, "destroy group "+group+" on stream "+stream, onKey{stream}, "XGROUP", "DESTROY", stream, group)
	if IsNoGroup(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n, _ := m.AsInt64()
	return n == 1, nil
}

// GroupLastDelivered returns the last id that was delivered to the group. ok is
// false when there is no such group.
func (c *commands) GroupLastDelivered(ctx context.Context, stream, group string) (last ID, ok bool, err error) {
	what := "groups of stream " + stream
	m, err := c.run(ctx, what, onKey{stream}, "XINFO", "GROUPS", stream)
	if replyHas(err, "no such key") {
		return ID{}, false, nil
	}
	if err != nil {
		return ID{}, false, err
	}
	info, err := findGroup(&m, group)
	if err != nil {
		return ID{}, false, fmt.Errorf("%s: %w", what, err)
	}
	if info == nil {
		return ID{}, false, nil
	}
	if last, err = ParseID(messageString(info["last-delivered-id"])); err != nil {
		return ID{}, false, fmt.Errorf("%s: %w", what, err)
	}
	return last, true, nil
}

// Ack acknowledges entries, 1,000 per command, and returns how many of them were
// pending. Entries that are not pending, and a group that does not exist, count as
// 0 and are no error.
func (c *Client) Ack(ctx context.Context, stream, group string, ids []ID) (int64, error) {
	return c.eachThousand(ctx, "acknowledge to group "+group+" on stream "+stream, []string{"XACK", stream, group}, ids)
}

// Pending describes the entries that were delivered to a group and not
// acknowledged.
type Pending struct {
	Count          int64
	Oldest, Newest ID // both zero when Count is 0
}

// PendingSummary returns the pending entries of the group. If there is no such
// group or stream, IsNoGroup holds for the error.
func (c *Client) PendingSummary(ctx context.Context, stream, group string) (Pending, error) {
	what := "pending entries of group " + group + " on stream " + stream
	m, err := c.run(ctx, what, onKey{stream}, "XPENDING", stream, group)
	if err != nil {
		return Pending{}, err
	}
	p, err := parsePending(&m)
	if err != nil {
		return Pending{}, fmt.Errorf("%s: %w", what, err)
	}
	return p, nil
}

// parsePending parses a reply to XPENDING without a range.
func parsePending(m *rueidis.RedisMessage) (p Pending, err error) {
	parts, err := m.ToArray()
	if err != nil || len(parts) < 3 {
		return Pending{}, errBadReply
	}
	if p.Count, err = parts[0].AsInt64(); err != nil {
		return Pending{}, errBadReply
	}
	if p.Count == 0 {
		return Pending{}, nil
	}
	if p.Oldest, err = messageID(&parts[1]); err != nil {
		return Pending{}, err
	}
	if p.Newest, err = messageID(&parts[2]); err != nil {
		return Pending{}, err
	}
	return p, nil
}

// ClaimOptions say which pending entries of a group a consumer takes over.
type ClaimOptions struct {
	Stream   string
	Group    string
	Consumer string
	// MinIdle is how long an entry must have been pending on its consumer.
	MinIdle time.Duration
	// From is the id at which to start in the list of pending entries.
	From ID
	// Count is the most entries to take, at least 1.
	Count int
}

// Claim takes over pending entries from other consumers (XAUTOCLAIM). next is where
// to continue; it is zero at the end of the list. Entries that have been deleted
// from the stream meanwhile are removed from the list of pending ones by the
// server, and returned as deleted (the embedded server names none). dst lends its
// memory: see [Entry].
func (c *Client) Claim(ctx context.Context, o ClaimOptions, dst []Entry) (entries []Entry, next ID, deleted []ID, err error) {
	what := "claim entries of group " + o.Group + " on stream " + o.Stream
	m, err := c.run(ctx, what, onKey{o.Stream}, "XAUTOCLAIM", o.Stream, o.Group, o.Consumer,
		strconv.FormatInt(o.MinIdle.Milliseconds(), 10), o.From.String(), "COUNT", strconv.Itoa(max(o.Count, 1)))
	if err != nil {
		return clearEntries(dst), ID{}, nil, err
	}
	parts, err := m.ToArray()
	if err != nil || len(parts) < 2 {
		return clearEntries(dst), ID{}, nil, fmt.Errorf("%s: %w", what, errBadReply)
	}
	if next, err = messageID(&parts[0]); err != nil {
		return clearEntries(dst), ID{}, nil, fmt.Errorf("%s: %w", what, err)
	}
	if dst, err = appendEntries(dst, &parts[1]); err != nil {
		return dst, ID{}, nil, fmt.Errorf("%s: %w", what, err)
	}
	if len(parts) > 2 {
		gone, err := parts[2].ToArray()
		if err != nil {
			return clearEntries(dst), ID{}, nil, fmt.Errorf("%s: %w", what, errBadReply)
		}
		for i := range gone {
			id, err := messageID(&gone[i])
			if err != nil {
				return clearEntries(dst), ID{}, nil, fmt.Errorf("%s: %w", what, err)
			}
			deleted = append(deleted, id)
		}
	}
	return dst, next, deleted, nil
}
