package redis

import (
	"context"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// proxied returns a proxy in front of a server, a client through the proxy, and a
// client that is connected to the server directly.
func proxied(t *testing.T) (p *testenv.TCPProxy, through, direct *Client) {
	t.Helper()
	s := testenv.Redis(t)
	p = testenv.Proxy(t, s.Addr())
	return p, open(t, "redis://"+p.Addr()), open(t, s.URL())
}

func TestReadCutInMidReply(t *testing.T) {
	p, c, direct := proxied(t)
	must(c.CreateGroup(t.Context(), "s", "g", ID{}))(t)
	r := c.NewReader(readAll)
	defer r.Close()
	must(r.Read(t.Context(), nil))(t)
	must(direct.Add(t.Context(), "s", 0, "a", strings.Repeat("x", 1000)))(t)
	p.CutAfter(500)
	_, err := r.Read(t.Context(), nil)
	if !IsConnection(err) || IsNoGroup(err) {
		t.Fatalf("got %v, want a lost connection", err)
	}
	if p.Cuts() != 1 {
		t.Fatalf("%d cuts, want 1", p.Cuts())
	}
	// The reply is lost, and the group has moved past it.
	if got := must(r.Read(t.Context(), nil))(t); len(got) != 0 {
		t.Errorf("read %v again without setting the group back", ids(got))
	}
	if err := c.SetGroupID(t.Context(), "s", "g", ID{}); err != nil {
		t.Fatal(err)
	}
	if got := must(r.Read(t.Context(), nil))(t); len(got) != 1 {
		t.Errorf("read %v after setting the group back, want one entry", ids(got))
	}
}

func TestReadWithoutAReply(t *testing.T) {
	p, c, direct := proxied(t)
	must(c.CreateGroup(t.Context(), "s", "g", ID{}))(t)
	o := readAll
	o.Block = 10 * time.Millisecond
	r := c.NewReader(o)
	defer r.Close()
	must(r.Read(t.Context(), nil))(t)
	p.Stall()
	begin := time.Now()
	_, err := r.Read(t.Context(), nil)
	if !IsConnection(err) {
		t.Errorf("got %v, want a lost connection", err)
	}
	if d := time.Since(begin); d < o.Block || d > replyMaxSilence+5*time.Second {
		t.Errorf("gave up after %v", d)
	}
	// The delayed command reaches the server. It would deliver the entry to a
	// connection that is closed on our side.
	first := must(direct.Add(t.Context(), "s", 0, "a", "1"))(t)
	p.Resume()
	if err := r.Fence(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := c.SetGroupID(t.Context(), "s", "g", ID{}); err != nil {
		t.Fatal(err)
	}
	second := must(direct.Add(t.Context(), "s", 0, "a", "2"))(t)
	got := must(r.Read(t.Context(), nil))(t)
	if len(got) != 2 || got[0].ID != first || got[1].ID != second {
		t.Errorf("read %v afterwards, want %v and %v", ids(got), first, second)
	}
}

// A read that failed here but still waits on the server would receive the next
// entry. The fence ends it.
func TestFenceEndsALostRead(t *testing.T) {
	s := testenv.Redis(t)
	c := open(t, s.URL())
	ctx := t.Context()
	must(c.CreateGroup(ctx, "s", "g", ID{}))(t)
	o := readAll
	o.Block = time.Minute
	blocked := c.NewReader(o)
	if err := blocked.connect(ctx); err != nil {
		t.Fatal(err)
	}
	id := blocked.id
	ended := make(chan error, 1)
	go func() {
		_, err := blocked.Read(context.Background(), nil)
		ended <- err
	}()
	testenv.Eventually(t, 5*time.Second, "the read to wait on the server", func() bool {
		return strings.Contains(s.Do("INFO", "clients").(string), "blocked_clients:1")
	})

	r := c.NewReader(o)
	defer r.Close()
	r.lost = []lostConn{{id: id}, {id: 1 << 40}} // no connection has the second id
	if err := r.Fence(ctx, true); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !IsConnection(err) {
		t.Errorf("the lost read ended with %v", err)
	}
	blocked.Close()
	entry := must(c.Add(ctx, "s", 0, "a", "1"))(t)
	if got := must(r.Read(ctx, nil))(t); len(got) != 1 || got[0].ID != entry {
		t.Errorf("read %v after the fence, want %v", ids(got), entry)
	}
	if len(r.lost) != 0 {
		t.Errorf("connections still remembered: %v", r.lost)
	}
}

func TestFenceSparesOtherServers(t *testing.T) {
	s := testenv.Redis(t)
	c := open(t, s.URL())
	other := open(t, s.URL())
	connID := func() int64 { return must(query(t.Context(), other.run, "test", "", parseInt, "CLIENT", "ID"))(t) }
	before := connID()
	r := c.NewReader(readAll)
	r.lost = []lostConn{{id: before}}
	if err := r.Fence(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	list := s.Do("CLIENT", "LIST")
	if connID() != before {
		t.Errorf("the connection of another client was closed:\n%s", list)
	}
}

func TestReaderRemembersTheNewestLostConnections(t *testing.T) {
	c := open(t, testenv.Redis(t).URL())
	r := c.NewReader(readAll)
	for range maxLost + 3 {
		if err := r.connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	if len(r.lost) != maxLost {
		t.Errorf("%d remembered, want %d", len(r.lost), maxLost)
	}
	if err := r.Fence(t.Context(), true); err != nil || len(r.lost) != 0 {
		t.Errorf("fence: %v, %d left", err, len(r.lost))
	}
}

// After a failover by DNS name, new connections lead to the new master, while the old
// server continues as a replica and closes no connection.
func TestConnectionToAReplicaIsClosed(t *testing.T) {
	old, master := testenv.Redis(t), testenv.Redis(t)
	p := testenv.Proxy(t, old.Addr())
	ctx := t.Context()
	o := readAll
	o.Block = 0 // a blocked read would be closed by the server
	for _, s := range []*testenv.RedisServer{old, master} {
		s.Do("XGROUP", "CREATE", o.Stream, o.Group, "0", "MKSTREAM")
	}
	for _, tt := range []struct {
		name string
		do   func(c *Client, r *Reader) error
	}{
		{"a command", func(c *Client, _ *Reader) error { _, err := c.Add(ctx, "s", 0, "a", "1"); return err }},
		{"several commands", func(c *Client, _ *Reader) error { return c.AddAll(ctx, "s", 0, [][]string{{"a", "1"}}) }},
		{"a read of a reader", func(_ *Client, r *Reader) error { _, err := r.Read(ctx, nil); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.Retarget(old.Addr())
			old.Do("REPLICAOF", "NO", "ONE")
			c := open(t, "redis://"+p.Addr())
			r := c.NewReader(o)
			defer r.Close()
			if err := tt.do(c, r); err != nil {
				t.Fatal(err)
			}
			old.Do("REPLICAOF", "127.0.0.1", "1")
			p.Retarget(master.Addr())
			if err := tt.do(c, r); !isReadOnly(err) || !strings.Contains(err.Error(), "REDIS_URL") {
				t.Fatalf("on the replica: %v, want READONLY and REDIS_URL named", err)
			}
			testenv.Eventually(t, 20*time.Second, "the new master to be found", func() bool { return tt.do(c, r) == nil })
		})
	}
}
