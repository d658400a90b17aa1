package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// CreateGroup creates the consumer group, and the stream if there is none
// (MKSTREAM). The group receives the entries after at; with the zero ID, the whole
// stream. created is false when the group exists; it is left unchanged. At maxmemory
// an existing group is still found, but none is created.
func (c *commands) CreateGroup(ctx context.Context, stream, group string, at ID) (created bool, err error) {
	_, err = c.run(ctx, "create group "+group+" on stream "+stream, onKey{stream},
		"XGROUP", "CREATE", stream, group, at.String(), "MKSTREAM")
	if replyHas(err, "BUSYGROUP") {
		return false, nil
	}
	if IsOutOfMemory(err) {
		if _, exists, err := c.GroupLastDelivered(ctx, stream, group); err == nil && exists {
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
	what := "move group " + group + " on stream " + stream
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
	n, err := query(ctx, c.run, "destroy group "+group+" on stream "+stream, stream, parseInt, "XGROUP", "DESTROY", stream, group)
	if IsNoGroup(err) {
		return false, nil
	}
	return n == 1, err
}

// GroupLastDelivered returns the last id that was delivered to the group. ok is
// false when there is no such group.
func (c *commands) GroupLastDelivered(ctx context.Context, stream, group string) (last ID, ok bool, err error) {
	groups, err := query(ctx, c.run, "groups of stream "+stream, stream, parseGroups, "XINFO", "GROUPS", stream)
	if replyHas(err, "no such key") {
		return ID{}, false, nil
	}
	last, ok = groups[group]
	return last, ok, err
}

// parseGroups returns the last delivered id of each group in a reply to XINFO
// GROUPS.
func parseGroups(m *rueidis.RedisMessage) (map[string]ID, error) {
	list, err := m.ToArray()
	if err != nil {
		return nil, err
	}
	groups := map[string]ID{}
	for i := range list {
		info, err := list[i].AsMap()
		if err != nil {
			return nil, err
		}
		last := info["last-delivered-id"]
		if groups[messageString(info["name"])], err = messageID(&last); err != nil {
			return nil, err
		}
	}
	return groups, nil
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
	return query(ctx, c.run, "pending entries of group "+group+" on stream "+stream, stream, parsePending, "XPENDING", stream, group)
}

// parsePending parses a reply to XPENDING without a range.
func parsePending(m *rueidis.RedisMessage) (p Pending, err error) {
	parts, err := m.ToArray()
	if err != nil || len(parts) < 3 {
		return Pending{}, errBadReply
	}
	if p.Count, err = parts[0].AsInt64(); err != nil || p.Count == 0 {
		return Pending{}, err
	}
	if p.Oldest, err = messageID(&parts[1]); err != nil {
		return Pending{}, err
	}
	p.Newest, err = messageID(&parts[2])
	return p, err
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
// to continue; it is zero at the end of the list. If a pending entry is no longer in
// the stream, the server removes it from the list, and its id is returned in deleted
// (the embedded server names none). The entries are in the memory of dst: see
// [Entry].
func (c *Client) Claim(ctx context.Context, o ClaimOptions, dst []Entry) (entries []Entry, next ID, deleted []ID, err error) {
	what := "claim entries of group " + o.Group + " on stream " + o.Stream
	m, err := c.run(ctx, what, onKey{o.Stream}, "XAUTOCLAIM", o.Stream, o.Group, o.Consumer,
		strconv.FormatInt(o.MinIdle.Milliseconds(), 10), o.From.String(), "COUNT", strconv.Itoa(max(o.Count, 1)))
	if err != nil {
		return clearEntries(dst), ID{}, nil, err
	}
	if entries, next, deleted, err = parseClaim(dst, &m); err != nil {
		return clearEntries(dst), ID{}, nil, fmt.Errorf("%s: %w", what, err)
	}
	return entries, next, deleted, nil
}

// parseClaim parses a reply to XAUTOCLAIM: where to continue, the entries, and the
// ids that are no longer in the stream.
func parseClaim(dst []Entry, m *rueidis.RedisMessage) (entries []Entry, next ID, deleted []ID, err error) {
	parts, err := m.ToArray()
	if err != nil || len(parts) < 3 {
		return nil, ID{}, nil, errBadReply
	}
	if next, err = messageID(&parts[0]); err != nil {
		return nil, ID{}, nil, err
	}
	if entries, err = appendEntries(dst, &parts[1]); err != nil {
		return nil, ID{}, nil, err
	}
	list, err := parts[2].ToArray()
	if err != nil {
		return nil, ID{}, nil, errBadReply
	}
	deleted = make([]ID, len(list))
	for i := range list {
		if deleted[i], err = messageID(&list[i]); err != nil {
			return nil, ID{}, nil, err
		}
	}
	return entries, next, deleted, nil
}
