package feed

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// The slots of three streams are on three masters. Each stream has a lease and a
// registry in its slot, and they are deleted when the process ends. On a single
// server the keys have no prefix.
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
	stop := b.start(f)
	keys := map[string][]string{
		"telemetry:b": {"{telemetry:b}:pitwall:lease:one", "{telemetry:b}:pitwall:groups"},
		"telemetry:t": {"{telemetry:t}:pitwall:lease:one", "{telemetry:t}:pitwall:groups"},
		"race:{1}":    {"race:{1}:pitwall:lease:one", "race:{1}:pitwall:groups"},
	}
	for stream, list := range keys {
		for _, key := range list {
			if c.Owner(stream).Do("EXISTS", key) != int64(1) {
				t.Errorf("%s is not on the node of its stream", key)
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
				t.Errorf("%s was not deleted", key)
			}
		}
		if groups := c.Owner(stream).Do("XINFO", "GROUPS", stream).([]any); len(groups) != 0 {
			t.Errorf("groups left on %s: %v", stream, groups)
		}
	}

	single := newBench(t, testenv.Redis(t).URL()).feed(func(o *Options) { o.Streams = streams })
	if len(single.keySets) != 1 || single.keySets[0].lease.key != "pitwall:lease:one" || single.keySets[0].registry() != "pitwall:groups" {
		t.Errorf("on a single server: %d key sets, %s, %s", len(single.keySets), single.keySets[0].lease.key, single.keySets[0].registry())
	}
}

// An instance holds its id only while it holds all leases. If another process holds
// one of them, the id is refused without a change to the other keys. If another
// process takes one later, the id is lost.
func TestIDIsHeldOnlyWithAllLeases(t *testing.T) {
	c := testenv.SharedRedisCluster(t)
	streams := []string{"telemetry:t", "telemetry:b", "race:{1}"}
	const last = "{telemetry:t}:pitwall:lease:one" // the last one that is taken
	b := newBench(t, c.URL())
	f := b.feed(func(o *Options) { o.Streams, o.LeaseTTL = streams, 2*time.Second })
	owner := c.Owner("telemetry:t")
	owner.Do("SET", last, "another's token", "PX", "600000")
	sets := map[*keySet]string{}
	for _, k := range f.keySets[:2] {
		sets[k] = setCalls(c.Owner(k.streams[0]))
	}
	if err := f.AcquireLease(t.Context()); err == nil {
		t.Fatal("the id was taken without its last lease")
	}
	wantNone := func() {
		t.Helper()
		for _, k := range f.keySets[:2] {
			if c.Owner(k.streams[0]).Do("EXISTS", k.lease.key) != int64(0) || k.lease.current() != lapsed {
				t.Errorf("%s is held without the id", k.lease.key)
			}
		}
	}
	wantNone()
	for k, calls := range sets {
		if setCalls(c.Owner(k.streams[0])) != calls { // the other process would lose the id
			t.Errorf("%s was taken and released", k.lease.key)
		}
	}

	owner.Do("DEL", last)
	owner.Do("ACL", "SETUSER", "default", "-eval")
	err := f.AcquireLease(t.Context())
	owner.Do("ACL", "SETUSER", "default", "+eval")
	if err == nil {
		t.Fatal("the id was taken although the last lease cannot be taken")
	}
	wantNone()

	b.prepare(f)
	run := make(chan error, 1)
	go func() { run <- f.Run(t.Context()) }()
	owner.Do("SET", last, "another's token", "PX", "600000")
	select {
	case err := <-run:
		if !errors.Is(err, ErrLeaseLost) {
			t.Errorf("Run ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run has not ended")
	}
	if err := f.Close(t.Context()); err != nil || owner.Do("GET", last) != "another's token" {
		t.Errorf("Close: %v", err)
	}
}

// setCalls returns how often the server has run SET, also in scripts.
func setCalls(s *testenv.RedisServer) string {
	_, rest, _ := strings.Cut(s.Do("INFO", "commandstats").(string), "cmdstat_set:calls=")
	calls, _, _ := strings.Cut(rest, ",")
	return calls
}
