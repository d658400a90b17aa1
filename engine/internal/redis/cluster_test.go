package redis

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

func TestSlotOf(t *testing.T) {
	c := testenv.SharedRedisCluster(t)
	for _, key := range []string{"", "s", "123456789", "telemetry:t", "{user1000}.following", "foo{}{bar}", "foo{{bar}}zap", "{a", "a}b", "größe"} {
		if want := c.Nodes()[0].Do("CLUSTER", "KEYSLOT", key); int64(slotOf(key)) != want {
			t.Errorf("slot of %q is %d, want %v", key, slotOf(key), want)
		}
	}
}

// spread are keys that three different masters own.
var spread = []string{"telemetry:t", "race:{1}", "telemetry:b"}

// One node is enough to find all others, in whatever way the nodes announce their
// addresses.
func TestClusterByAnyNode(t *testing.T) {
	c := testenv.SharedRedisCluster(t)
	set := func(name, value string) {
		for _, n := range c.Nodes() {
			n.Do("CONFIG", "SET", name, value)
		}
	}
	t.Cleanup(func() {
		set("cluster-preferred-endpoint-type", "ip")
		set("cluster-announce-hostname", "")
	})
	try := func(name, url string) {
		t.Helper()
		client := open(t, url)
		for _, key := range spread {
			if _, err := client.Add(t.Context(), key, 0, "a", "1"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := client.Ping(t.Context(), spread...); err != nil || !client.IsCluster() {
			t.Errorf("%s: ping: %v", name, err)
		}
	}
	for i, n := range c.Nodes() { // replicas among them
		try(fmt.Sprintf("node %d", i), n.URL())
	}
	try("the first address is not reachable", "redis://127.0.0.1:1?addr="+c.Nodes()[1].Addr()+"&addr="+c.Nodes()[4].Addr())
	set("cluster-preferred-endpoint-type", "unknown-endpoint")
	try("nodes without a host", c.URL())
	set("cluster-announce-hostname", "localhost")
	set("cluster-preferred-endpoint-type", "hostname")
	try("nodes by name", c.URL())
	for _, key := range spread {
		if n := c.Owner(key).Do("XLEN", key); n != int64(len(c.Nodes())+3) {
			t.Errorf("%v entries in %s, want %d", n, key, len(c.Nodes())+3)
		}
	}
}

func TestOpenRefusesUselessAddresses(t *testing.T) {
	c := testenv.SharedRedisCluster(t)
	single := testenv.Redis(t)
	single.Do("ACL", "SETUSER", "bob", "on", ">pw", "~*", "+@all", "-cluster")
	for _, n := range c.Nodes() {
		n.Do("ACL", "SETUSER", "bob", "on", ">pw", "~*", "+@all", "-cluster")
		defer n.Do("ACL", "DELUSER", "bob")
	}
	for _, tt := range []struct{ name, url, want string }{
		{"several single servers", single.URL() + "?addr=" + testenv.Redis(t).Addr(), "addr"},
		{"another database of a Cluster", c.URL() + "/1", "SELECT"},
		{"no server at any address", "redis://127.0.0.1:1?addr=127.0.0.1:2", "127.0.0.1:2"},
		{"a login without the right to CLUSTER SLOTS", "redis://bob:pw@" + c.Nodes()[0].Addr(), "cluster|slots"},
	} {
		client, err := Open(t.Context(), Options{URL: tt.url, Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			client.Close()
			t.Errorf("%s: opened", tt.name)
		} else if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "REDIS_URL") {
			t.Errorf("%s: %v, want %s and REDIS_URL named", tt.name, err, tt.want)
		}
	}
	if err := open(t, c.URL()).CheckStreams([]string{"telemetry:t", "{a}b", "a}b"}); err == nil || !strings.Contains(err.Error(), `"a}b"`) || !strings.Contains(err.Error(), "TELEMETRY_STREAMS") {
		t.Errorf("a key in whose slot no other key can be: %v", err)
	}
	if err := open(t, single.URL()).CheckStreams([]string{"a}b"}); err != nil {
		t.Errorf("on a single server: %v", err)
	}
}

// steadyCluster returns a Cluster for a test that moves slots. Its replicas are not
// promoted while a busy machine keeps a master waiting.
func steadyCluster(t *testing.T) *testenv.RedisClusterServers {
	t.Helper()
	return testenv.RedisCluster(t, 3, testenv.Args("--cluster-node-timeout", "30000"))
}

// clusterReader returns a Cluster for this test, a client of it, and a reader of a
// stream that waits 20 ms for entries.
func clusterReader(t *testing.T, stream string) (*testenv.RedisClusterServers, *Client, *Reader) {
	t.Helper()
	c := steadyCluster(t)
	client := open(t, c.URL())
	o := readAll
	o.Stream, o.Block = stream, 20*time.Millisecond
	return c, client, placedReader(t, client, o)
}

// A slot is moved key by key. Commands of a client and a reader succeed at any time;
// commands on two keys wait until both are on the same node.
func TestClusterSlotMoves(t *testing.T) {
	const stream = "telemetry:t"
	c, client, r := clusterReader(t, stream)
	ctx := t.Context()
	var added, read []string
	add := func() {
		t.Helper()
		added = append(added, must(client.Add(ctx, stream, 0, "n", fmt.Sprint(len(added))))(t).String())
		records := [][]string{{"n", fmt.Sprint(len(added))}, {"n", fmt.Sprint(len(added) + 1)}}
		if err := client.AddAll(ctx, stream, 0, records); err != nil {
			t.Fatal(err)
		}
		all := must(client.Range(ctx, stream, ID{}, MaxID, 1000, nil))(t)
		added = append(added, all[len(all)-2].ID.String(), all[len(all)-1].ID.String())
		if s := must(client.State(ctx, stream, readAll.Group))(t); s.Length != int64(len(added)) || s.Last.String() != added[len(added)-1] || !s.Group {
			t.Errorf("state %+v after %d entries", s, len(added))
		}
	}
	drain := func() { // recovers from failed reads as the feed does
		t.Helper()
		testenv.Eventually(t, 20*time.Second, "all entries to be read", func() bool {
			got, err := r.Read(ctx, nil)
			if err != nil {
				if !IsConnection(err) && !IsNoGroup(err) {
					t.Fatalf("read: %v", err)
				}
				for _, err = r.RunID(ctx); err != nil; _, err = r.RunID(ctx) {
				}
				_, _ = r.LastID(ctx, stream) // an error says where the stream is: the next command goes there
				return false
			}
			read = append(read, ids(got)...)
			return len(read) >= len(added)
		})
	}
	dead := client.DeadKey(stream)
	must(client.Add(ctx, dead, 0, "reason", "first"))(t)
	must(client.TakeLease(ctx, client.ColocatedKey(stream, "lease"), "t", time.Hour))(t)
	add()
	drain()

	written := make(chan error, 1)
	for i, to := range []*testenv.RedisServer{c.Owner(spread[1]), c.AddNode()} {
		moved := 0
		c.MoveSlot(stream, to, func(key string) {
			if moved++; moved == 1 { // the other keys are still on the old node
				go func() {
					written <- client.AddDeadLetters(ctx, dead, 100, stream, readAll.Group, []DeadLetter{{Fields: []string{"reason", "split"}}})
				}()
			}
			add()
			drain()
		})
		if err := <-written; err != nil {
			t.Errorf("a command on two keys after the move: %v", err)
		}
		add()
		drain()
		if n := to.Do("XLEN", dead); moved != 3 || n != int64(i+2) {
			t.Errorf("%d keys moved, want 3; %v dead letters, want %d", moved, n, i+2)
		}
	}
	if !slices.Equal(read, added) {
		t.Errorf("read %v,\nadded %v", read, added)
	}
	if held, err := client.TakeLease(ctx, client.ColocatedKey(stream, "lease"), "t", time.Hour); err != nil || !held {
		t.Errorf("the lease after the moves: held %v, %v", held, err)
	}
}

// While a slot is moved, the lease and the stream may be on different nodes. A reader
// does not create a second lease then.
func TestClusterReaderTakesNoSecondLease(t *testing.T) {
	c := steadyCluster(t)
	client := open(t, c.URL())
	ctx := t.Context()
	streamFirst := map[bool]bool{} // whether the stream was moved before the lease
	for i, stream := range []string{"telemetry:t", "telemetry:a"} {
		o := readAll
		o.Stream = stream
		r := client.NewReader(o)
		defer r.Close()
		lease := client.ColocatedKey(stream, "lease")
		take := func() { must(client.TakeLease(ctx, lease, "another's", time.Hour))(t) }
		if i == 0 { // the server moves keys in the order in which they were created
			take()
		}
		if err := r.Place(ctx, ID{}); err != nil {
			t.Fatal(err)
		}
		take()
		moved := 0
		c.MoveSlot(stream, c.Owner(spread[1]), func(key string) {
			if moved++; moved > 1 {
				return // both are on the new node
			}
			streamFirst[key == stream] = true
			if key == stream {
				if _, err := r.LastID(ctx, stream); !IsConnection(err) {
					t.Errorf("the reader did not notice the move: %v", err)
				}
				if _, err := r.LastID(ctx, stream); err != nil {
					t.Errorf("after ASK: %v", err)
				}
			}
			if held, err := r.TakeLease(ctx, lease, "t", time.Hour); held || !IsConnection(err) || !strings.Contains(err.Error(), "TRYAGAIN") {
				t.Errorf("%s moved first: held %v, %v during the move", key, held, err)
			}
		})
		testenv.Eventually(t, 20*time.Second, "an answer after the move", func() bool {
			held, err := r.TakeLease(ctx, lease, "t", time.Hour)
			if held {
				t.Fatal("the lease was taken twice")
			}
			return err == nil
		})
	}
	if len(streamFirst) != 2 {
		t.Errorf("the same key was moved first both times: %v", streamFirst)
	}
}

// A stream is moved back while its slot is still being moved. No second stream is
// created on the other node.
func TestClusterStreamMovesBack(t *testing.T) {
	const stream = "telemetry:t"
	c, client, r := clusterReader(t, stream)
	ctx := t.Context()
	first := must(client.Add(ctx, stream, 0, "n", "1"))(t)
	from, to := c.Owner(stream), c.Owner(spread[1])
	host, port, _ := net.SplitHostPort(from.Addr())
	back := false
	c.MoveSlot(stream, to, func(string) {
		if back {
			return
		}
		back = true
		_, _ = r.LastID(ctx, stream) // ASK
		if last := must(r.LastID(ctx, stream))(t); last != first {
			t.Errorf("the last id is %v during the move, want %v", last, first)
		}
		slot := fmt.Sprint(slotOf(stream))
		from.Do("CLUSTER", "SETSLOT", slot, "STABLE")
		to.Do("MIGRATE", host, port, stream, "0", "20000")
		if last, err := r.LastID(ctx, stream); err == nil && last != first {
			t.Errorf("the last id is %v after the move back, want %v", last, first)
		}
		testenv.Eventually(t, 20*time.Second, "the group to be placed", func() bool { return r.Place(ctx, ID{}) == nil })
		to.Do("ASKING")
		if n := to.Do("EXISTS", stream); n != int64(0) {
			t.Error("there is a second stream")
		}
		if got := must(r.Read(ctx, nil))(t); len(got) != 1 {
			t.Errorf("read %v, want one entry", ids(got))
		}
		from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.Do("CLUSTER", "MYID").(string))
	})
}

// The owner of a slot is suspended and its replica is promoted. Both a client and a
// reader find the replica. Other slots are served again once the Cluster has
// recovered.
func TestClusterOwnerStopsAnswering(t *testing.T) {
	c := testenv.RedisCluster(t, 3)
	client := open(t, c.AllURL())
	ctx := t.Context()
	stream := spread[1]
	o := readAll
	o.Stream = stream
	r := placedReader(t, client, o)
	must(client.Add(ctx, stream, 0, "a", "1"))(t)
	owner := c.Owner(stream)
	before := must(r.RunID(ctx))(t)
	owner.AwaitReplica()
	owner.Signal(syscall.SIGSTOP)
	err := client.Ping(ctx, spread...)
	if !IsConnection(err) || !strings.Contains(err.Error(), owner.Addr()) {
		t.Errorf("ping of a suspended owner: %v, want its address", err)
	}
	testenv.Eventually(t, time.Minute, "a command on the promoted node", func() bool {
		_, err := client.Add(ctx, stream, 0, "a", "2")
		return err == nil
	})
	testenv.Eventually(t, time.Minute, "the reader to find the promoted node", func() bool { return r.Place(ctx, ID{}) == nil })
	if after := must(r.RunID(ctx))(t); after == before {
		t.Error("the reader still uses the old owner")
	}
	if got := must(r.Read(ctx, nil))(t); len(got) < 2 {
		t.Errorf("read %v", ids(got))
	}
	for _, key := range spread {
		if _, err := client.Add(ctx, key, 0, "a", "3"); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	owner.Signal(syscall.SIGCONT)
	testenv.Eventually(t, time.Minute, "the old owner to become a replica", func() bool { return owner.Role() == "slave" })
	if err := client.Ping(ctx, spread...); err != nil {
		t.Errorf("ping afterwards: %v", err)
	}
}

// Commands on a slot that no node serves wait, and do not fail.
func TestClusterSlotWithoutAnOwner(t *testing.T) {
	c := testenv.RedisCluster(t, 3)
	client := open(t, c.URL())
	key := spread[0]
	owner, slot := c.Owner(key), strconv.Itoa(int(slotOf(key)))
	for _, n := range c.Nodes() {
		n.Do("CLUSTER", "DELSLOTS", slot)
	}
	target := client.target(key)
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { ended <- target.Do(ctx, target.B().Set().Key(key).Value("v").Build()).Error() }()
	testenv.Eventually(t, time.Minute, "the command to be refused", func() bool {
		return strings.Contains(owner.Do("INFO", "errorstats").(string), "errorstat_CLUSTERDOWN")
	})
	owner.Do("CLUSTER", "ADDSLOTS", slot)
	if err := <-ended; err != nil {
		t.Errorf("after the slot has an owner again: %v", err)
	}
}

// Each node has its own logins. A right that is missing on one of them is reported.
func TestClusterMissingRightOfOneNode(t *testing.T) {
	c := testenv.SharedRedisCluster(t)
	setRules := func(n *testenv.RedisServer, rules ...string) {
		n.Do(append([]string{"ACL", "SETUSER", "bob", "reset", "on", ">pw", "~*", "+@all"}, rules...)...)
	}
	for _, n := range c.Nodes() {
		setRules(n)
		defer n.Do("ACL", "DELUSER", "bob")
	}
	setRules(c.Owner(spread[1]), "-xadd", "-asking")
	client := open(t, "redis://bob:pw@"+c.Nodes()[0].Addr())
	var rights []Right
	for _, key := range spread {
		rights = append(rights, Rights(key, "xadd", "xlen")...)
	}
	got := must(client.MissingRights(t.Context(), append(rights, client.ClusterRights()...)))(t)
	if want := []Right{{"xadd", spread[1]}, {"asking", ""}}; !slices.Equal(got, want) {
		t.Errorf("missing rights %v, want %v", got, want)
	}
}

// Connection ids belong to one node. On another node the same id may be that of
// another client.
func TestClusterFenceSparesOtherNodes(t *testing.T) {
	c := testenv.SharedRedisCluster(t)
	client := open(t, c.URL())
	ctx := t.Context()
	o := ReadOptions{Stream: spread[1], Group: "g", Consumer: "c", From: ">", Count: 1, NoAck: true} // without NOACK a reader has no need of Fence
	other := client.NewReader(o)
	defer other.Close()
	before := must(other.RunID(ctx))(t)
	r := client.NewReader(o)
	defer r.Close()
	id := other.id
	if id == 0 {
		t.Fatal("the id of the connection is not known")
	}
	r.lost = []lostConn{{id, client.nodes.node(c.Owner(spread[0]).Addr())}}
	if err := r.Fence(ctx, true); err != nil || len(r.lost) != 0 {
		t.Fatalf("fence: %v, %d left", err, len(r.lost))
	}
	if after := must(other.RunID(ctx))(t); after != before || other.id != id {
		t.Error("the connection of another client was closed")
	}
	r.lost = []lostConn{{id, client.nodes.node(c.Owner(spread[1]).Addr())}}
	if err := r.Fence(ctx, true); err != nil {
		t.Fatal(err)
	}
	if _, err := other.RunID(ctx); !IsConnection(err) {
		t.Errorf("a lost connection on the reader's node was not closed: %v", err)
	}
}
