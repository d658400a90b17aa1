package testenv

import (
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pitwall/engine/e2e/servers"
)

// RedisClusterServers are the nodes of a Redis Cluster. Its methods fail the test that
// called the constructor.
type RedisClusterServers struct {
	t       testing.TB
	cluster *servers.RedisCluster
	nodes   []*RedisServer
	args    []string
}

// RedisCluster starts a Redis Cluster of some masters with a replica each. When a
// master does not answer for three seconds, its replica is promoted. The Cluster is
// stopped when the test ends.
func RedisCluster(t testing.TB, masters int, options ...RedisOption) *RedisClusterServers {
	t.Helper()
	var s RedisServer
	for _, o := range append([]RedisOption{Args("--cluster-node-timeout", "3000", "--cluster-replica-validity-factor", "0")}, options...) {
		o(&s)
	}
	cluster, err := servers.StartRedisCluster(t.TempDir(), masters, s.args...)
	if err != nil {
		t.Fatalf("redis cluster: %v", err)
	}
	c := &RedisClusterServers{t: t, cluster: cluster, args: s.args}
	c.registerNew()
	return c
}

// SharedRedisCluster returns the Cluster that the tests of the binary share, with three
// masters and without data. A test must neither stop its nodes nor move its slots. Only
// one test at a time may use it. Main stops it.
func SharedRedisCluster(t testing.TB) *RedisClusterServers {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.main {
		t.Fatal("testenv.SharedRedisCluster needs a TestMain: func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }")
	}
	if shared.redis == nil {
		dir, err := os.MkdirTemp("", "pitwall-redis-")
		if err == nil {
			shared.folder = dir
			shared.redis, err = servers.StartRedisCluster(dir, 3)
		}
		if err != nil {
			t.Fatalf("redis cluster: %v", err)
		}
	}
	c := &RedisClusterServers{t: t, cluster: shared.redis}
	for _, n := range shared.redis.Nodes() {
		c.nodes = append(c.nodes, &RedisServer{t: t, server: n})
	}
	for _, n := range c.nodes[:3] {
		n.Do("FLUSHALL")
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			n.dropConn()
		}
	})
	return c
}

// registerNew adds the new nodes of the Cluster to nodes. They are stopped with the
// test.
func (c *RedisClusterServers) registerNew() {
	for _, n := range c.cluster.Nodes()[len(c.nodes):] {
		s := &RedisServer{t: c.t, server: n}
		c.t.Cleanup(s.Kill)
		c.nodes = append(c.nodes, s)
	}
}

// Nodes returns all nodes: first the original masters, then their replicas in the same
// order, then added ones.
func (c *RedisClusterServers) Nodes() []*RedisServer { return c.nodes }

// AddNode starts one more master, which owns no slot yet.
func (c *RedisClusterServers) AddNode() *RedisServer {
	c.t.Helper()
	if _, err := c.cluster.AddNode(c.t.TempDir(), c.args...); err != nil {
		c.t.Fatalf("add a node: %v", err)
	}
	c.registerNew()
	return c.nodes[len(c.nodes)-1]
}

// URL returns the REDIS_URL of the Cluster, which names its first node.
func (c *RedisClusterServers) URL() string { return c.nodes[0].URL() }

// AllURL returns a REDIS_URL that names all nodes.
func (c *RedisClusterServers) AllURL() string {
	url := c.URL() + "?"
	for _, n := range c.nodes[1:] {
		url += "&addr=" + n.Addr()
	}
	return url
}

// Owner returns the node that owns the slot of a key, nil while no node knows the
// owner. Suspended nodes are not asked.
func (c *RedisClusterServers) Owner(key string, suspended ...*RedisServer) *RedisServer {
	c.t.Helper()
	for _, n := range c.nodes {
		if slices.Contains(suspended, n) {
			continue
		}
		owner := c.cluster.Owner(n.server, key)
		if i := slices.IndexFunc(c.nodes, func(s *RedisServer) bool { return s.server == owner }); i >= 0 {
			return c.nodes[i]
		}
	}
	return nil
}

// MoveSlot moves the slot of a key, one key after the other. between, if not nil, is
// called after each key. When MoveSlot returns, all nodes know the new owner.
func (c *RedisClusterServers) MoveSlot(key string, to *RedisServer, between func(key string)) {
	c.t.Helper()
	if err := c.cluster.MoveSlot(key, to.server, between); err != nil {
		c.t.Fatalf("move the slot of %s: %v", key, err)
	}
}

// Signal sends a signal to the server and does not wait: SIGSTOP suspends it,
// SIGCONT resumes it.
func (s *RedisServer) Signal(sig syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(s.server.PID(), sig); err != nil {
		s.t.Fatalf("send %v to redis: %v", sig, err)
	}
}

// Sentinels starts three Sentinels that watch a master with one replica, under the name
// "race". They promote the replica when the master does not answer for a second. They
// are stopped when the test ends. url is the REDIS_URL.
func Sentinels(t testing.TB, master *RedisServer) (sentinels []*RedisServer, url string) {
	t.Helper()
	list, err := servers.StartSentinels(t.TempDir(), "race", 3, master.server)
	var others []string
	for _, s := range list {
		r := &RedisServer{t: t, server: s}
		t.Cleanup(r.Kill)
		sentinels = append(sentinels, r)
		others = append(others, "&addr="+s.Addr())
	}
	if err != nil {
		t.Fatalf("sentinels: %v", err)
	}
	return sentinels, sentinels[0].URL() + "?master_set=race" + strings.Join(others[1:], "")
}

// RedisPair starts a server and a replica that has all of its data.
func RedisPair(t testing.TB, options ...RedisOption) (master, replica *RedisServer) {
	t.Helper()
	options = append(options, Args("--repl-diskless-sync-delay", "0"))
	master, replica = Redis(t, options...), Redis(t, options...)
	host, port, _ := net.SplitHostPort(master.Addr())
	replica.Do("REPLICAOF", host, port)
	Eventually(t, servers.ReadyWithin, "the replica to have the master's data", func() bool {
		return strings.Contains(replica.Do("INFO", "replication").(string), "master_link_status:up")
	})
	return master, replica
}

// AwaitReplica waits until a replica has all data of the server.
func (s *RedisServer) AwaitReplica() {
	s.t.Helper()
	s.Do("PING") // so that WAIT includes the writes of other connections
	if n := s.Do("WAIT", "1", "60000"); n != int64(1) {
		s.t.Fatalf("%v replicas have all data, want 1", n)
	}
}

// Role returns master, slave or sentinel. It is "" when the server does not answer: it
// closes its connections when its role changes.
func (s *RedisServer) Role() string {
	reply, err := s.Try("ROLE")
	if list, ok := reply.([]any); err == nil && ok && len(list) > 0 {
		role, _ := list[0].(string)
		return role
	}
	return ""
}
