package servers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// RedisCluster is a Redis Cluster of its own: masters that share the slots, and
// as many replicas.
type RedisCluster struct {
	nodes []*Redis // the first half were the masters at the start
}

// StartRedisCluster starts masters and a replica of each in folders within dir,
// with args for all of them, and returns when all slots are served and the
// replicas have what their masters have. The caller ends it.
func StartRedisCluster(dir string, masters int, args ...string) (*RedisCluster, error) {
	c := &RedisCluster{}
	err := c.start(dir, 2*masters, args)
	if err == nil {
		err = c.join(masters)
	}
	if err != nil {
		return nil, errors.Join(err, c.End(syscall.SIGKILL))
	}
	return c, nil
}

// Nodes are all nodes: those that began as masters, and then their replicas in
// the same order.
func (c *RedisCluster) Nodes() []*Redis { return c.nodes }

// AddNode starts one more node, which owns no slot yet.
func (c *RedisCluster) AddNode(dir string, args ...string) (*Redis, error) {
	first := c.nodes[0]
	if err := c.start(dir, 1, args); err != nil {
		return nil, err
	}
	n := c.nodes[len(c.nodes)-1]
	if err := n.all(meet(first)); err != nil {
		return nil, err
	}
	return n, c.agree()
}

func (c *RedisCluster) start(dir string, n int, args []string) error {
	for range n {
		own := filepath.Join(dir, strconv.Itoa(len(c.nodes)))
		if err := os.Mkdir(own, 0o755); err != nil {
			return fmt.Errorf("make the folder of a node: %w", err)
		}
		s, err := startRedis(&Redis{dir: own, args: args}, true)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, s)
	}
	return nil
}

// join makes a Cluster of the nodes.
func (c *RedisCluster) join(masters int) error {
	const slots = 16384
	for i, n := range c.nodes {
		// With equal epochs the nodes would change them later, at any moment.
		commands := [][]string{{"CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i + 1)}}
		if i > 0 {
			commands = append(commands, meet(c.nodes[0]))
		}
		if i < masters {
			first, last := i*slots/masters, (i+1)*slots/masters-1
			commands = append(commands, []string{"CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)})
		}
		if err := n.all(commands...); err != nil {
			return err
		}
	}
	if err := c.agree(); err != nil {
		return err
	}
	for i, n := range c.nodes[masters:] {
		id, err := c.nodes[i].id()
		if err = errors.Join(err, n.all([]string{"CLUSTER", "REPLICATE", id})); err != nil {
			return err
		}
	}
	for _, n := range c.nodes[masters:] {
		linked := func() bool {
			info, err := n.Do("INFO", "replication")
			return err == nil && InfoField(info, "master_link_status") == "up"
		}
		if !Poll(ReadyWithin, linked) {
			return fmt.Errorf("replica %s of the Cluster has no link to its master", n.Addr())
		}
	}
	return c.agree()
}

// meet is the command that introduces a node to another.
func meet(other *Redis) []string {
	return []string{"CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(other.port), strconv.Itoa(other.bus)}
}

// all sends commands one after the other, up to the first that fails.
func (s *Redis) all(commands ...[]string) error {
	for _, args := range commands {
		if _, err := s.Do(args...); err != nil {
			return err
		}
	}
	return nil
}

// id is the node's name in the Cluster.
func (s *Redis) id() (string, error) {
	reply, err := s.Do("CLUSTER", "MYID")
	id, _ := reply.(string)
	return id, err
}

// agree waits until every node knows all others and that all slots are served.
func (c *RedisCluster) agree() error {
	for _, n := range c.nodes {
		var info any
		ok := Poll(ReadyWithin, func() bool {
			var err error
			info, err = n.Do("CLUSTER", "INFO")
			return err == nil && InfoField(info, "cluster_state") == "ok" &&
				InfoField(info, "cluster_known_nodes") == strconv.Itoa(len(c.nodes)) && n.knowsAll()
		})
		if !ok {
			return fmt.Errorf("node %s does not agree with the Cluster:\n%v", n.Addr(), info)
		}
	}
	return nil
}

// knowsAll reports whether a node has shaken hands with all others and finds them up.
func (s *Redis) knowsAll() bool {
	reply, err := s.Do("CLUSTER", "NODES")
	text, _ := reply.(string)
	return err == nil && !strings.Contains(text, "handshake") && !strings.Contains(text, "fail") && !strings.Contains(text, "noaddr")
}

// Owner is the node that owns a key's slot in the view of the node asked, nil
// where there is none or it does not answer.
func (c *RedisCluster) Owner(asked *Redis, key string) *Redis {
	reply, err := asked.Do("CLUSTER", "KEYSLOT", key)
	slot, _ := reply.(int64)
	if err != nil {
		return nil
	}
	reply, _ = asked.Do("CLUSTER", "SLOTS")
	ranges, _ := reply.([]any)
	for _, r := range ranges {
		fields := r.([]any)
		if slot < fields[0].(int64) || slot > fields[1].(int64) {
			continue
		}
		port := fields[2].([]any)[1].(int64)
		for _, n := range c.nodes {
			if int64(n.port) == port {
				return n
			}
		}
	}
	return nil
}

// agreedOwner waits until all nodes name the same owner of a key's slot, any node where
// want is nil. A node learns of a move by gossip, some time after the nodes that took part.
func (c *RedisCluster) agreedOwner(key string, want *Redis) (*Redis, error) {
	var owner *Redis
	agreed := Poll(ReadyWithin, func() bool {
		owner = c.Owner(c.nodes[0], key)
		return owner != nil && (want == nil || owner == want) &&
			!slices.ContainsFunc(c.nodes[1:], func(n *Redis) bool { return c.Owner(n, key) != owner })
	})
	if !agreed {
		return nil, fmt.Errorf("the nodes do not agree on the owner of %s", key)
	}
	return owner, nil
}

// MoveSlot moves the slot of key, and all keys in it one by one, to another master, as
// redis-cli --cluster reshard does. between, if not nil, is called after each key. All
// calls come before the slot has its new owner.
//
// All nodes agree on the owner before and after, so they must all run. Otherwise a node
// to which the slot is moved next could name an owner of the past. It could also take
// the epoch that the last owner took, and lose the slot again.
func (c *RedisCluster) MoveSlot(key string, to *Redis, between func(key string)) error {
	from, err := c.agreedOwner(key, nil)
	if err != nil {
		return err
	}
	if from == to {
		return fmt.Errorf("move the slot of %s: it is on %s already", key, to.Addr())
	}
	fromID, err1 := from.id()
	toID, err2 := to.id()
	reply, err3 := from.Do("CLUSTER", "KEYSLOT", key)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	slot := fmt.Sprint(reply)
	if err := to.all([]string{"CLUSTER", "SETSLOT", slot, "IMPORTING", fromID}); err != nil {
		return err
	}
	if err := from.all([]string{"CLUSTER", "SETSLOT", slot, "MIGRATING", toID}); err != nil {
		return err
	}
	for {
		reply, err := from.Do("CLUSTER", "GETKEYSINSLOT", slot, "1")
		if err != nil {
			return err
		}
		keys, _ := reply.([]any)
		if len(keys) == 0 {
			break
		}
		k := keys[0].(string)
		if err := from.all([]string{"MIGRATE", "127.0.0.1", strconv.Itoa(to.port), k, "0", "20000"}); err != nil {
			return err
		}
		if between != nil {
			between(k)
		}
	}
	owned := []string{"CLUSTER", "SETSLOT", slot, "NODE", toID}
	if err := errors.Join(to.all(owned), from.all(owned)); err != nil {
		return err
	}
	_, err = c.agreedOwner(key, to)
	return err
}

// End sends sig to all nodes and waits until they are gone.
func (c *RedisCluster) End(sig syscall.Signal) error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.End(sig))
	}
	return errors.Join(errs...)
}
