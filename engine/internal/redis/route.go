package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/redis/rueidis"

	"pitwall/engine/internal/pace"
)

// destination is where the commands on a slot go: a node, and whether the slot is
// still being moved to it.
type destination struct {
	node   *node
	asking bool
}

// route sends commands to the node that owns a slot. It follows MOVED and ASK, and
// waits while the answer is TRYAGAIN or CLUSTERDOWN. A command whose connection is
// lost fails, as on a single server.
type route struct {
	c    *cluster
	slot uint16
}

// B returns the command builder, the same for any node.
func (r route) B() rueidis.Builder { return r.c.builder }

// Do runs one command. When ctx ends it returns the result of the last attempt.
func (r route) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	cmd = cmd.Pin() // it may be sent again
	var pause pace.Backoff
	var at destination
	for hops := 0; ; hops++ {
		if at.node == nil {
			var err error
			at.node, err = r.c.owner(ctx, r.slot)
			if err != nil && !errors.Is(err, errNoOwner) {
				return rueidis.NewResult(rueidis.RedisMessage{}, err)
			}
		}
		result := rueidis.NewResult(rueidis.RedisMessage{}, errNoOwner)
		next := destination{}
		if at.node != nil {
			result = at.run(ctx, cmd)
			var elsewhere bool
			if next, elsewhere = r.c.redirect(r.slot, at, result.Error()); !elsewhere {
				return result
			}
		}
		// Nodes that do not agree yet may redirect to each other: pause after two hops.
		if wait := next == at || next.node == nil || hops >= 2; wait && pace.Sleep(ctx, pause.Delay()) != nil {
			return result
		}
		at = next
	}
}

// run runs one command at the destination.
func (p destination) run(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	rdb, err := p.node.connectedClient()
	if err != nil {
		return rueidis.NewResult(rueidis.RedisMessage{}, err)
	}
	if !p.asking {
		return rdb.Do(ctx, cmd)
	}
	return ask(ctx, rdb, cmd)
}

// ask runs one command, after ASKING, on a slot that is still being moved to the
// node.
func ask(ctx context.Context, d interface {
	B() rueidis.Builder
	DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult
}, cmd rueidis.Completed) rueidis.RedisResult {
	return d.DoMulti(ctx, d.B().Arbitrary("ASKING").Build(), cmd)[1]
}

// asking is a connection whose commands are all about a slot that is still being
// moved to the node.
type asking struct{ rueidis.DedicatedClient }

// Do runs one command after ASKING.
func (a asking) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	return ask(ctx, a.DedicatedClient, cmd)
}

// IsCluster reports whether the server is a node of a Redis Cluster.
func (c *Client) IsCluster() bool { return c.nodes != nil }

// ColocatedKey returns the key for name on the server that holds the stream. On a
// single server that is name itself. On a Cluster it is {stream}:name, or
// stream:name when the stream has a hash tag: both keys are then in one slot.
func (c *Client) ColocatedKey(stream, name string) string {
	switch {
	case c.nodes == nil:
		return name
	case hashTag(stream) == "":
		return "{" + stream + "}:" + name
	}
	return stream + ":" + name
}

// CheckStreams refuses keys that cannot be used on a Cluster: ColocatedKey needs
// the braces of the hash tag.
func (c *Client) CheckStreams(streams []string) error {
	for _, s := range streams {
		if c.nodes != nil && hashTag(s) == "" && strings.Contains(s, "}") {
			return fmt.Errorf("TELEMETRY_STREAMS has %q, allowed on a Redis Cluster are keys without }, or with a hash tag", s)
		}
	}
	return nil
}

// owner returns the client of the server that holds a key, and on a Cluster its
// node.
func (c *Client) owner(ctx context.Context, key string) (rueidis.Client, *node, error) {
	if c.nodes == nil {
		return c.rdb, nil, nil
	}
	n, err := c.nodes.owner(ctx, slotOf(key))
	if err != nil {
		return nil, nil, err
	}
	rdb, err := n.connectedClient()
	return rdb, n, err
}

// redirect is cluster.redirect for a command that went to the owner of a key.
func (c *Client) redirect(key string, at *node, err error) (next destination, elsewhere bool) {
	if c.nodes == nil {
		return destination{}, false
	}
	return c.nodes.redirect(slotOf(key), destination{node: at}, err)
}

// redirect derives from the error of a command where to send the command next. elsewhere
// is false when the command has ended, with success or failure. When the server asks to
// try again, next is the same destination. When the owner of the slot must be looked up,
// next has no node.
func (c *cluster) redirect(slot uint16, at destination, err error) (next destination, elsewhere bool) {
	if err == nil || rueidis.IsRedisNil(err) {
		return destination{}, false
	}
	var re *rueidis.RedisError
	if !errors.As(err, &re) {
		if !errors.Is(err, context.Canceled) {
			c.markStale(at.node)
		}
		return destination{}, false
	}
	if addr, ok := re.IsMoved(); ok {
		if addr = completeAddr(addr, at.node.addr); addr == "" {
			c.markStale(nil)
			return destination{}, true
		}
		c.setMoved(slot, addr)
		return destination{c.node(addr), false}, true
	}
	switch text := re.Error(); {
	case strings.HasPrefix(text, "ASK "):
		addr, _ := re.IsAsk()
		if addr = completeAddr(addr, at.node.addr); addr == "" {
			return at, true // try again until the host is known
		}
		return destination{c.node(addr), true}, true
	case re.IsTryAgain():
		return at, true
	case re.IsClusterDown():
		c.markStale(at.node)
		return destination{}, true
	}
	return destination{}, false
}

// completeAddr adds the host of the node that was asked to an address without one.
// It returns "" when the host is unknown.
func completeAddr(addr, asked string) string {
	host, port, err := net.SplitHostPort(addr)
	switch {
	case err != nil:
		return addr
	case host == "":
		return net.JoinHostPort(hostOf(asked), port)
	case host == unknownHost:
		return ""
	}
	return addr
}

// isRedirected reports whether err is an error reply for which isRedirection holds.
func isRedirected(err error) bool {
	var re *rueidis.RedisError
	return errors.As(err, &re) && isRedirection(re)
}

// isRedirection reports whether an error reply of a Cluster is about the location
// of a slot. The command has not been run.
func isRedirection(re *rueidis.RedisError) bool {
	text := re.Error()
	return slices.ContainsFunc([]string{"MOVED ", "ASK ", "TRYAGAIN ", "CLUSTERDOWN "}, func(p string) bool { return strings.HasPrefix(text, p) })
}
