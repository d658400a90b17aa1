package feed

import (
	"strings"
	"testing"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// fullBench has a server at maxmemory, with the groups of the instance id "one" and
// no records. more adds records all the same.
func fullBench(t *testing.T) (b *bench, s *testenv.RedisServer, more func(from, count int)) {
	t.Helper()
	s = testenv.Redis(t, testenv.Args("--maxmemory", "6mb", "--maxmemory-policy", "noeviction"))
	b = newBench(t, s.URL())
	before := b.feed(nil) // a dead process
	if err := before.AcquireLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := before.CreateGroups(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill := strings.Repeat("x", 1<<10)
	for {
		_, err := b.client.Add(t.Context(), "other", 0, "fill", fill)
		if redis.IsOutOfMemory(err) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Do("CONFIG", "SET", "maxmemory", "4mb") // connections come and go
	const add = "#!lua flags=allow-oom\nreturn redis.call('XADD', KEYS[1], '*', unpack(ARGV))"
	return b, s, func(from, count int) {
		for n := range count {
			s.Do(append([]string{"EVAL", add, "1", "s"}, fix("a", from+n)...)...)
		}
	}
}

// At maxmemory an instance whose groups exist starts, keeps its lease, reads, and
// recovers from a lost connection.
func TestMaxmemory(t *testing.T) {
	b, s, more := fullBench(t)
	f := b.feed(nil)
	b.running(f)
	more(0, 5)
	b.complete(5, []string{"a"})
	term, left := f.keySets[0].lease.current(), int64(0)
	for renewed := 0; renewed < 10; { // five in the time that a lease lasts
		now, _ := s.Do("PTTL", f.keySets[0].lease.key).(int64)
		if now > left {
			renewed++
		}
		left = now
	}
	if now := f.keySets[0].lease.current(); now != term || now == lapsed {
		t.Errorf("the lease is in its term %d, was in %d", now, term)
	}
	s.CutClients()
	more(5, 5)
	b.complete(10, []string{"a"})
	s.Do("DEL", f.keySets[0].lease.key) // as a failover may
	b.eventually("the lease to be taken anew", func() bool { return s.Do("EXISTS", f.keySets[0].lease.key) == int64(1) })
	if _, err := s.Try("SET", "k", "v"); err == nil {
		t.Error("the server is not full: nothing was shown")
	}
}

// A start that needs a new group fails with an error that says what to do.
func TestMaxmemoryWithoutAGroup(t *testing.T) {
	b, s, _ := fullBench(t)
	for _, ephemeral := range []bool{false, true} {
		f := b.feed(func(o *Options) { o.InstanceID, o.Ephemeral = "new", ephemeral })
		if err := f.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := f.CreateGroups(t.Context())
		if err == nil || !strings.Contains(err.Error(), "trim the streams (XTRIM) or raise it") {
			t.Errorf("ephemeral %v: %v", ephemeral, err)
		}
		if err := f.Close(t.Context()); err != nil {
			t.Errorf("ephemeral %v: giving up what was taken: %v", ephemeral, err)
		}
	}
	s.Do("CONFIG", "SET", "maxmemory", "0")
	b.running(b.feed(func(o *Options) { o.InstanceID = "new" }))
}
