package feed

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// Three streams are in slots of three masters. Each has its own lease and registry
// there, and all of them are deleted with the process. On a single server the keys
// have no prefix.
func TestKeySets(t *testing.T) {
	c := testenv.SharedRedisCluster(t)
	streams := []string{"telemetry:t", "telemetry:b", "race:{1}"}
	owners := map[string]bool{}
	for _, s := range streams {
		owners[c.Owner(s).Addr()] = true
	}
	if len(owners) != 3 {
		t.Fatalf("the streams are on %d masters, want 3", len(owners))
	}
	b := newBench(t, c.URL())
	f := b.feed(func(o *Options) { o.Streams, o.Ephemeral = streams, true })
	stop := b.running(f)
	keys := map[string][]string{
		"telemetry:b": {"{telemetry:b}:pitwall:lease:one", "{telemetry:b}:pitwall:groups"},
		"telemetry:t": {"{telemetry:t}:pitwall:lease:one", "{telemetry:t}:pitwall:groups"},
		"race:{1}":    {"race:{1}:pitwall:lease:one", "race:{1}:pitwall:groups"},
	}
	for stream, list := range keys {
		for _, key := range list {
			if c.Owner(stream).Do("EXISTS", key) != int64(1) {
				t.Errorf("%s is not with its stream", key)
			}
		}
	}
	for i, s := range streams {
		publish(t, b.client, s, 0, i+1, "device-of-"+s)
	}
	b.eventually("records of all streams", func() bool { return b.metric("processor_live_records_total") == "6" })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for stream, list := range keys {
		for _, key := range list {
			if c.Owner(stream).Do("EXISTS", key) != int64(0) {
				t.Errorf("%s is left", key)
			}
		}
		if groups := c.Owner(stream).Do("XINFO", "GROUPS", stream).([]any); len(groups) != 0 {
			t.Errorf("groups left on %s: %v", stream, groups)
		}
	}

	alone := newBench(t, testenv.Redis(t).URL()).feed(func(o *Options) { o.Streams = streams })
	if len(alone.keySets) != 1 || alone.keySets[0].lease.key != "pitwall:lease:one" || alone.keySets[0].registry() != "pitwall:groups" {
		t.Errorf("on a single server: %d key sets, %s, %s", len(alone.keySets), alone.keySets[0].lease.key, alone.keySets[0].registry())
	}
}

// An instance holds its id while it holds all leases. One lease of another process
// is enough to be refused, without changing the other keys, and to lose the id.
func TestIDIsHeldOnlyWithAllLeases(t *testing.T) {
	c := testenv.SharedRedisCluster(t)
	streams := []string{"telemetry:t", "telemetry:b", "race:{1}"}
	const last = "{telemetry:t}:pitwall:lease:one" // in the order in which they are taken
	b := newBench(t, c.URL())
	f := b.feed(func(o *Options) { o.Streams, o.LeaseTTL = streams, 2*time.Second })
	owner := c.Owner("telemetry:t")
	owner.Do("SET", last, "of another", "PX", "600000")
	sets := map[*keySet]string{}
	for _, k := range f.keySets[:2] {
		sets[k] = setCalls(c.Owner(k.streams[0]))
	}
	if err := f.AcquireLease(t.Context()); err == nil {
		t.Fatal("the id is taken without its last lease")
	}
	none := func() {
		t.Helper()
		for _, k := range f.keySets[:2] {
			if c.Owner(k.streams[0]).Do("EXISTS", k.lease.key) != int64(0) || k.lease.current() != lapsed {
				t.Errorf("%s is held by one who may not have the id", k.lease.key)
			}
		}
	}
	none()
	for k, calls := range sets {
		if setCalls(c.Owner(k.streams[0])) != calls { // the other would lose the id, although it renews this one
			t.Errorf("%s was taken for a moment", k.lease.key)
		}
	}

	owner.Do("DEL", last)
	owner.Do("ACL", "SETUSER", "default", "-eval")
	err := f.AcquireLease(t.Context())
	owner.Do("ACL", "SETUSER", "default", "+eval")
	if err == nil {
		t.Fatal("the id is taken although the last lease cannot be")
	}
	none()

	b.created(f)
	run := make(chan error, 1)
	go func() { run <- f.Run(t.Context()) }()
	owner.Do("SET", last, "of another", "PX", "600000")
	select {
	case err := <-run:
		if !errors.Is(err, ErrLeaseLost) {
			t.Errorf("Run ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run goes on")
	}
	if err := f.Close(t.Context()); err != nil || owner.Do("GET", last) != "of another" {
		t.Errorf("Close: %v", err)
	}
}

// setCalls returns how often the server has run SET, also in scripts.
func setCalls(s *testenv.RedisServer) string {
	_, rest, _ := strings.Cut(s.Do("INFO", "commandstats").(string), "cmdstat_set:calls=")
	calls, _, _ := strings.Cut(rest, ",")
	return calls
}
