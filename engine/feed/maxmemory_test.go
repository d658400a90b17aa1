package feed

import (
	"strings"
	"testing"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// fullBench has a server at maxmemory, with the groups of the instance id "one" and
// no records. add adds records in spite of maxmemory.
func fullBench(t *testing.T) (b *bench, s *testenv.RedisServer, add func(from, count int)) {
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
	s.Do("CONFIG", "SET", "maxmemory", "4mb") // still full after connections have been closed
	const xadd = "#!lua flags=allow-oom\nreturn redis.call('XADD', KEYS[1], '*', unpack(ARGV))"
	return b, s, func(from, count int) {
		for n := range count {
			s.Do(append([]string{"EVAL", xadd, "1", "s"}, fix("a", from+n)...)...)
		}
	}
}

// At maxmemory an instance whose groups exist starts, keeps its lease, reads, and
// recovers from a lost connection.
func TestMaxmemory(t *testing.T) {
	b, s, add := fullBench(t)
	f := b.feed(nil)
	b.start(f)
	add(0, 5)
	b.wantRecords(5, []string{"a"})
	term, left := f.keySets[0].lease.current(), int64(0)
	for renewed := 0; renewed < 10; { // there are five in the time that a lease lasts
		now, _ := s.Do("PTTL", f.keySets[0].lease.key).(int64)
		if now > left {
			renewed++
		}
		left = now
	}
	if now := f.keySets[0].lease.current(); now != term || now == lapsed {
		t.Errorf("the lease is in term %d, want %d still", now, term)
	}
	s.CutClients()
	add(5, 5)
	b.wantRecords(10, []string{"a"})
	s.Do("DEL", f.keySets[0].lease.key) // as a failover may
	b.eventually("the lease to be taken again", func() bool { return s.Do("EXISTS", f.keySets[0].lease.key) == int64(1) })
	if _, err := s.Try("SET", "k", "v"); err == nil {
		t.Error("the server is not full: the test proves nothing")
	}
}

// If a start needs a new group, it fails with an error that says what to do.
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
			t.Errorf("ephemeral %v: close: %v", ephemeral, err)
		}
	}
	s.Do("CONFIG", "SET", "maxmemory", "0")
	b.start(b.feed(func(o *Options) { o.InstanceID = "new" }))
}
