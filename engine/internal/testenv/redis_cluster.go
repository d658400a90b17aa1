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

// RedisClusterServers is a Redis Cluster of its own. Its methods fail the test
// that started it.
type RedisClusterServers struct {
	t       testing.TB
	cluster *servers.RedisCluster
	nodes   []*RedisServer
	args    []string
}

// RedisCluster starts a Redis Cluster of masters and a replica of each, on which
// a node that is gone for three seconds is replaced. It is stopped when the test
// ends.
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
	c.tie()
	return c
}

// SharedRedisCluster returns a Cluster of three masters that the tests of the
// binary share, empty. A test must neither stop its nodes nor move its slots, and
// none that runs at the same time may use it. Main ends it.
func SharedRedisCluster(t testing.TB) *RedisClusterServers {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.main {
		t.Fatal("testenv.Main does not run the tests, and has to stop the Cluster")
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

// tie binds new nodes to the test.
func (c *RedisClusterServers) tie() {
	for _, n := range c.cluster.Nodes()[len(c.nodes):] {
		s := &RedisServer{t: c.t, server: n}
		c.t.Cleanup(s.Kill)
		c.nodes = append(c.nodes, s)
	}
}

// Nodes are all nodes: those that began as masters, and then their replicas in
// the same order.
func (c *RedisClusterServers) Nodes() []*RedisServer { return c.nodes }

// AddNode starts one more master, which owns no slot yet.
func (c *RedisClusterServers) AddNode() *RedisServer {
	c.t.Helper()
	if _, err := c.cluster.AddNode(c.t.TempDir(), c.args...); err != nil {
		c.t.Fatalf("add a node: %v", err)
	}
	c.tie()
	return c.nodes[len(c.nodes)-1]
}

// URL is the REDIS_URL of the Cluster: that of its first node.
func (c *RedisClusterServers) URL() string { return c.nodes[0].URL() }

// AllURL is a REDIS_URL that names all nodes.
func (c *RedisClusterServers) AllURL() string {
	url := c.URL()
	for i, n := range c.nodes[1:] {
		url += map[bool]string{true: "?addr=", false: "&addr="}[i == 0] + n.Addr()
	}
	return url
}

// Owner is the node that owns the slot of a key, nil while the nodes that answer
// know of none. Suspended nodes are left out.
func (c *RedisClusterServers) Owner(key string, still ...*RedisServer) *RedisServer {
	c.t.Helper()
	for _, n := range c.nodes {
		if slices.Contains(still, n) {
			continue
		}
		owner := c.cluster.Owner(n.server, key)
		if i := slices.IndexFunc(c.nodes, func(s *RedisServer) bool { return s.server == owner }); i >= 0 {
			return c.nodes[i]
		}
	}
	return nil
}

// MoveSlot moves the slot of a key, with all keys in it one after the other.
// between, if not nil, is called after each.
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

// Sentinels starts three Sentinels that watch a master with one replica under
// the name "race" and promote it when the master is gone for a second. They end
// with the test. url is the REDIS_URL.
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

// AwaitReplica waits until a replica has all that the server has.
func (s *RedisServer) AwaitReplica() {
	s.t.Helper()
	s.Do("PING") // WAIT is about what was there at the connection's last command
	if n := s.Do("WAIT", "1", "60000"); n != int64(1) {
		s.t.Fatalf("%v replicas have everything, want 1", n)
	}
}

// Role is master, slave or sentinel, and "" while the server does not answer: it
// closes connections when its role changes.
func (s *RedisServer) Role() string {
	reply, err := s.Try("ROLE")
	if list, ok := reply.([]any); err == nil && ok && len(list) > 0 {
		role, _ := list[0].(string)
		return role
	}
	return ""
}
