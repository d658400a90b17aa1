package redis

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"
)

// Unknown stands for a number that the server does not tell.
const Unknown = -1

// StreamState is a stream and one of its groups, as of one moment.
type StreamState struct {
	Length int64
	First  ID // the oldest entry that is there; zero when there is none
	Last   ID // the id given out last, also if that entry has gone
	// Added counts the entries ever added, or is Unknown (the embedded
	// server). Added less Length is how many have gone.
	Added int64

	Group     bool // whether the group is there; what follows is zero otherwise
	Delivered ID   // up to here the group has been given the stream
	// Read counts the entries up to Delivered that were ever there, or is
	// Unknown. Servers before 7.4 leave out those that the group never got
	// because they had gone.
	Read    int64
	Pending Pending
}

// State asks for a stream and one of its groups in one step. A stream that is
// not there is an empty one.
func (c *Client) State(ctx context.Context, stream, group string) (StreamState, error) {
	what := "state of stream " + stream
	all, err := c.stateReplies(ctx, what, stream, group)
	if err != nil {
		return StreamState{}, err
	}
	if len(all) != 4 {
		return StreamState{}, fmt.Errorf("%s: %w", what, errBadReply)
	}
	if replyHas(all[0].Error(), "no such key") {
		return StreamState{Added: Unknown, Read: Unknown}, nil
	}
	s, err := readState(all, group)
	if err != nil {
		return StreamState{}, fmt.Errorf("%s: %w", what, err)
	}
	return s, nil
}

// stateScript asks what State asks. On a Cluster a transaction cannot be sent to
// where its slot has gone, one command can.
const stateScript = `local first = redis.pcall('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
if first[1] then first = {{first[1][1], {}}} end
return {redis.pcall('XINFO', 'STREAM', KEYS[1]), first, redis.pcall('XINFO', 'GROUPS', KEYS[1]), redis.pcall('XPENDING', KEYS[1], ARGV[1])}`

// stateReplies returns what the server says of the stream, its first entry, its
// groups and what pends on the group.
func (c *Client) stateReplies(ctx context.Context, what, stream, group string) ([]rueidis.RedisMessage, error) {
	if c.nodes != nil {
		m, err := c.do(ctx, what, on{stream}, "EVAL", stateScript, "1", stream, group)
		if err != nil {
			return nil, err
		}
		return m.ToArray()
	}
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	replies := c.rdb.DoMulti(limited,
		c.rdb.B().Arbitrary("MULTI").Build(),
		c.rdb.B().Arbitrary("XINFO", "STREAM", stream).Build(),
		c.rdb.B().Arbitrary("XRANGE", stream, "-", "+", "COUNT", "1").Build(),
		c.rdb.B().Arbitrary("XINFO", "GROUPS", stream).Build(),
		c.rdb.B().Arbitrary("XPENDING", stream, group).Build(),
		c.rdb.B().Arbitrary("EXEC").Build())
	all, err := replies[len(replies)-1].ToArray()
	if err != nil {
		return nil, failure(ctx, commandTimeout, what, err)
	}
	return all, nil
}

// readState reads the four replies of State.
func readState(all []rueidis.RedisMessage, group string) (StreamState, error) {
	info, err := all[0].AsMap()
	if err != nil {
		return StreamState{}, err
	}
	s := StreamState{Length: number(info, "length"), Added: number(info, "entries-added"), Read: Unknown}
	if last := text(info["last-generated-id"]); last != "" {
		if s.Last, err = ParseID(last); err != nil {
			return StreamState{}, err
		}
	}
	first, err := appendEntries(nil, &all[1])
	if err != nil {
		return StreamState{}, err
	}
	if len(first) > 0 {
		s.First = first[0].ID
	}
	g, err := findGroup(&all[2], group)
	if err != nil || g == nil {
		return s, err
	}
	s.Group, s.Read = true, number(g, "entries-read")
	if s.Delivered, err = ParseID(text(g["last-delivered-id"])); err != nil {
		return StreamState{}, err
	}
	if err := all[3].Error(); err != nil {
		return StreamState{}, err
	}
	s.Pending, err = readPending(&all[3])
	return s, err
}

// number returns a field, Unknown where it is missing or nil.
func number(fields map[string]rueidis.RedisMessage, name string) int64 {
	m, ok := fields[name]
	if !ok || m.IsNil() {
		return Unknown
	}
	n, err := m.AsInt64()
	if err != nil {
		return Unknown
	}
	return n
}

// findGroup returns the fields of a group in a reply to XINFO GROUPS, nil when
// it is not there.
func findGroup(m *rueidis.RedisMessage, group string) (map[string]rueidis.RedisMessage, error) {
	groups, err := m.ToArray()
	if err != nil {
		return nil, errBadReply
	}
	for i := range groups {
		info, err := groups[i].AsMap()
		if err != nil {
			return nil, errBadReply
		}
		if text(info["name"]) == group {
			return info, nil
		}
	}
	return nil, nil
}
