package redis

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// throttled returns a server, a proxy in front of it, and a reader through the proxy.
func throttled(t *testing.T) (*testenv.RedisServer, *testenv.TCPProxy, *Reader) {
	s := testenv.Redis(t)
	p := testenv.Proxy(t, s.Addr())
	c := open(t, "redis://"+p.Addr())
	s.Do("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
	o := readAll
	o.NoAck = true
	r := c.NewReader(o)
	t.Cleanup(r.Close)
	return s, p, r
}

// A read waits for a slow reply, but not for one that stops.
func TestDeadlineGrowsWithTheReply(t *testing.T) {
	s, p, r := throttled(t)
	s.Do("XADD", "s", "1-0", "f", strings.Repeat("x", 8<<20))
	p.Throttle(1500 << 10) // the reply takes more than five seconds, the deadline is two
	if got := must(r.Read(t.Context(), nil))(t); len(got) != 1 || got[0].Size() != 8<<20+1 {
		t.Errorf("got %v", ids(got))
	}

	s.Do("XADD", "s", "2-0", "f", strings.Repeat("x", 8<<20))
	ended := make(chan error)
	before := p.Replies()
	go func() {
		_, err := r.Read(t.Context(), nil)
		ended <- err
	}()
	testenv.Eventually(t, 10*time.Second, "a part of the reply to arrive", func() bool { return p.Replies() > before+2<<20 })
	p.Stall()
	defer p.Resume()
	if err := <-ended; !errors.Is(err, errNoReply) || !IsConnection(err) {
		t.Errorf("a reply that stops: %v, want no reply in time", err)
	}
}

// A reply that is too large ends the read, and its entries are skipped.
func TestReplyTooLarge(t *testing.T) {
	s, _, r := throttled(t)
	if n := r.opt.maxReply(); n != 64<<20 {
		t.Errorf("a reply may have %d bytes, want 64 MiB", n)
	}
	r.opt.MaxReply = 4 << 20 // a larger entry takes seconds on a busy machine
	s.Do("XADD", "s", "1-0", "f", "small")
	s.Do("XADD", "s", "2-0", "f", strings.Repeat("x", 5<<20))
	s.Do("XADD", "s", "3-0", "f", strings.Repeat("x", MaxEntry))
	s.Do("XADD", "s", "4-0", "f", "small")

	if at, n, err := r.SkipLarge(t.Context(), ID{}); err != nil || n != 0 || at != (ID{}) {
		t.Errorf("before any read failed: %v, %d, %v", at, n, err)
	}
	_, err := r.Read(t.Context(), nil)
	if !errors.Is(err, errReplyTooLarge) || !IsConnection(err) {
		t.Fatalf("a reply beyond the limit: %v", err)
	}
	if r.count.Count() != 1 || !r.count.Exhausted() {
		t.Errorf("the next read asks for %d entries", r.count.Count())
	}
	if err := r.Place(t.Context(), ID{Ms: 1}); err != nil {
		t.Fatal(err)
	}
	at, n, err := r.SkipLarge(t.Context(), ID{Ms: 1})
	if err != nil || n != 2 || at != (ID{Ms: 3}) {
		t.Fatalf("skipped %d entries up to %v, want 2 up to 3-0: %v", n, at, err)
	}
	if err := r.Place(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if got := must(r.Read(t.Context(), nil))(t); len(got) != 1 || got[0].ID != (ID{Ms: 4}) {
		t.Errorf("read %v, want 4-0", ids(got))
	}
	for range readAll.Count { // as many entries as the failed read asked for
		s.Do("XADD", "s", "*", "f", "small")
		must(r.Read(t.Context(), nil))(t)
	}
	if _, n, err := r.SkipLarge(t.Context(), ID{Ms: 1}); err != nil || n != 0 {
		t.Errorf("after successful reads: skipped %d entries: %v", n, err)
	}
}

func TestSkipLargeBack(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		addID(t, c, "s", "1-0", "f", "small")
		addID(t, c, "s", "2-0", "f", strings.Repeat("x", MaxEntry))
		addID(t, c, "s", "3-0", "f", strings.Repeat("x", MaxEntry))
		if at, n, err := c.SkipLargeBack(t.Context(), "s", MaxID); err != nil || n != 2 || at != (ID{Ms: 2}) {
			t.Errorf("%v, %d, %v", at, n, err)
		}
		if at, n, err := c.SkipLargeBack(t.Context(), "s", ID{Ms: 1}); err != nil || n != 0 || at != (ID{}) {
			t.Errorf("without large entries: %v, %d, %v", at, n, err)
		}
	})
}

func TestLargePending(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		must(c.CreateGroup(t.Context(), "s", "g", ID{}))(t)
		addID(t, c, "s", "1-0", "f", "small")
		addID(t, c, "s", "2-0", "f", strings.Repeat("x", MaxEntry))
		o := readAll
		o.NoAck = false
		must(readOnce(t.Context(), c, o))(t)
		for _, step := range []struct {
			from, id ID
			large    bool
		}{{ID{}, ID{Ms: 1}, false}, {ID{Ms: 1, Seq: 1}, ID{Ms: 2}, true}, {ID{Ms: 3}, ID{}, false}} {
			id, size, large, err := c.LargePending(t.Context(), "s", "g", readAll.Consumer, step.from)
			if err != nil || id != step.id || large != step.large || large != (size == MaxEntry+1) {
				t.Errorf("from %v: entry %v of %d bytes, large %v, %v", step.from, id, size, large, err)
			}
		}
	})
}

// Queries about a stream do not transfer its content.
func TestQueriesDoNotTransferEntries(t *testing.T) {
	s, p, r := throttled(t)
	for _, id := range []string{"1-0", "2-0"} {
		s.Do("XADD", "s", id, "f", strings.Repeat("x", 8<<20))
	}
	before := p.Replies()
	if last := must(r.LastID(t.Context(), "s"))(t); last != (ID{Ms: 2}) {
		t.Errorf("last id %v", last)
	}
	if state := must(r.c.State(t.Context(), "s", "g"))(t); state.First != (ID{Ms: 1}) || state.Length != 2 {
		t.Errorf("state %+v", state)
	}
	must(r.c.Waiting(t.Context(), "s", ID{}))(t)
	if n := p.Replies() - before; n > 64<<10 {
		t.Errorf("the replies have %d bytes", n)
	}
}

// At maxmemory all commands work that reading needs.
func TestAtMaxmemory(t *testing.T) {
	s := testenv.Redis(t, testenv.Args("--maxmemory", "4mb", "--maxmemory-policy", "noeviction"))
	c := open(t, s.URL())
	ctx := t.Context()
	must(c.CreateGroup(ctx, "s", "g", ID{}))(t)
	if !must(c.TakeLease(ctx, "lease", "one", time.Minute))(t) {
		t.Fatal("no lease")
	}
	full := false
	for fill := strings.Repeat("x", 64<<10); !full; {
		_, err := s.Try("XADD", "s", "*", "f", fill)
		full = err != nil
	}
	s.Do("CONFIG", "SET", "maxmemory", "3mb") // no room for short entries either
	if _, err := c.Add(ctx, "s", 0, "f", "v"); !IsOutOfMemory(err) || !strings.Contains(err.Error(), "raise it") {
		t.Fatalf("adding to a full server: %v", err)
	}
	if created := must(c.CreateGroup(ctx, "s", "g", ID{}))(t); created {
		t.Error("an existing group is reported as created")
	}
	if _, err := c.CreateGroup(ctx, "s", "new", ID{}); !IsOutOfMemory(err) {
		t.Errorf("a new group on a full server: %v", err)
	}
	if state := must(c.State(ctx, "s", "g"))(t); !state.Group || state.Length == 0 {
		t.Errorf("state %+v", state)
	}
	o := readAll
	o.NoAck = false
	r := c.NewReader(o)
	defer r.Close()
	if err := r.Place(ctx, ID{}); err != nil {
		t.Error(err)
	}
	if !must(r.TakeLease(ctx, "lease", "one", time.Minute))(t) || must(r.TakeLease(ctx, "lease", "two", time.Minute))(t) {
		t.Error("a lease cannot be renewed, or is given to another")
	}
	if !must(c.TakeLease(ctx, "other", "one", time.Minute))(t) {
		t.Error("no new lease")
	}
	if !must(c.TakeConnectionSlot(ctx, "slots", "a", 1, time.Minute))(t) || must(c.TakeConnectionSlot(ctx, "slots", "b", 1, time.Minute))(t) {
		t.Error("no slot is given, or more than the limit")
	}
	got := must(r.Read(ctx, nil))(t)
	if len(got) == 0 {
		t.Fatal("no entry was read")
	}
	if n := must(c.Ack(ctx, "s", "g", []ID{got[0].ID}))(t); n != 1 {
		t.Errorf("%d acknowledged", n)
	}
	if missing := must(c.MissingRights(ctx, Rights("s", "xadd", "eval")))(t); len(missing) > 0 {
		t.Errorf("rights missing: %v", missing)
	}
}
