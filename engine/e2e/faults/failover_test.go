package faults

import (
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// A replica takes over, and the name in REDIS_URL points to it. The old server
// closes no connection: feed, archive and lease have to leave it by themselves.
func TestFailover(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(old, master *testenv.RedisServer)
		left  func(old *testenv.RedisServer) bool // where it can be asked
	}{
		{"the old server becomes a replica", func(old, master *testenv.RedisServer) {
			host, port, _ := net.SplitHostPort(master.Addr())
			old.Do("REPLICAOF", host, port)
		}, func(old *testenv.RedisServer) bool {
			return !strings.Contains(old.Do("CLIENT", "LIST").(string), " name=pitwall")
		}},
		{"the old server does not answer", func(old, _ *testenv.RedisServer) {
			old.Do("CLIENT", "PAUSE", "600000", "ALL")
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const devices = 100
			s := newStack(t, devices)
			old, master := s.Redis, testenv.Redis(t)
			host, port, _ := net.SplitHostPort(old.Addr())
			master.Do("REPLICAOF", host, port)
			proxy := testenv.Proxy(t, old.Addr())
			s.RedisURL = "redis://" + proxy.Addr()
			e := s.Start("--instance-id=one")
			screen := s.Watch(e.HTTP, "spectator", "", "")
			before := s.load(s.RedisURL, devices)
			before.more(s, 500)
			before.stop()
			old.AwaitReplica()

			begin := time.Now()
			proxy.Retarget(master.Addr())
			master.Do("REPLICAOF", "NO", "ONE")
			tt.leave(old, master)
			s.Redis = master
			seen, _ := screen.Counts()
			after := s.load(s.RedisURL, devices)
			s.Eventually("the stream to be read again", func() bool { n, _ := screen.Counts(); return n > seen })
			t.Logf("spectators see new positions %v after the failover", time.Since(begin).Round(100*time.Millisecond))
			after.more(s, 500)
			after.stop()

			newest := before.newest()
			maps.Copy(newest, after.newest())
			s.WantScreens(newest, screen)
			s.wantTable(append(before.names(), after.names()...))
			t.Logf("the archive has everything %v after it", time.Since(begin).Round(100*time.Millisecond))
			s.wantReady(e.Addrs)
			if tt.left != nil {
				s.Eventually("every connection to leave the old server", func() bool { return tt.left(old) })
			}
		})
	}
}
