package faults

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// clusterStreams are in slots of three masters. Two of them share a slot.
var clusterStreams = []string{"telemetry:t", "race:{1}", "telemetry:b", "ride:{1}"}

// clusterDevices is how many devices publish on each of them.
const clusterDevices = 60

// clusterStack is a Cluster of three masters and three replicas, three engines,
// and a spectator and a publisher of each.
type clusterStack struct {
	*stack
	c       *testenv.RedisClusterServers
	engines []*e2etest.Engine
	screens []*e2etest.Screen
	loads   []*clusterPublisher // by stream
	invalid int
}

func newClusterStack(t *testing.T, engines int) *clusterStack {
	s := &clusterStack{stack: newStack(t, len(clusterStreams)*clusterDevices), c: testenv.RedisCluster(t, 3, testenv.AOF())}
	s.Redis.Stop() // the one that every stack has
	for i := range engines {
		s.RedisURL = s.c.Nodes()[i].URL() // any node leads to all
		e := s.Start(append(showsAll, fmt.Sprintf("--instance-id=%d", i), "--telemetry-streams="+strings.Join(clusterStreams, ","),
			"--archive-claim-idle-ms=2000", "--archive-claim-interval-ms=500")...)
		s.engines = append(s.engines, e)
		s.screens = append(s.screens, s.Watch(e.HTTP, fmt.Sprintf("spectator of %d", i), "?batch=1", ""))
	}
	for i, stream := range clusterStreams {
		s.loads = append(s.loads, s.publish(stream, i*clusterDevices))
	}
	return s
}

// more waits until n more records of each stream are acknowledged.
func (s *clusterStack) more(n int) {
	s.T.Helper()
	for _, l := range s.loads {
		l.more(s.stack, n)
	}
}

// finish ends the load and compares the entries on each stream's owner with the table
// and the screens. It returns, by stream, the ids that were acknowledged to the publisher
// and that the owner does not have.
func (s *clusterStack) finish(still ...*testenv.RedisServer) (lost map[string][]string) {
	s.T.Helper()
	newest := map[string]int64{}
	for _, l := range s.loads {
		l.stop()
		maps.Copy(newest, l.newest())
	}
	s.WantScreens(newest, s.screens...)
	lost = map[string][]string{}
	for _, l := range s.loads {
		owner := s.c.Owner(l.stream, still...)
		s.wantKept(owner, l.stream, l.names(), s.screens...)
		has := map[string]bool{}
		for id := range entriesOf(owner, l.stream) {
			has[id] = true
		}
		for id := range l.acked {
			if !has[id] { // the replica never had it
				lost[l.stream] = append(lost[l.stream], id)
			}
		}
		slices.Sort(lost[l.stream])
		s.T.Logf("%s: %d acknowledged, %d on its owner, %d lost with the old one: %q", l.stream, len(l.acked), len(has), len(lost[l.stream]), lost[l.stream])
	}
	rows := s.Number("SELECT count(*) FROM positions")
	if distinct := s.Number("SELECT count(DISTINCT (device_id, ts)) FROM positions"); distinct != rows {
		s.T.Errorf("%d rows, %d distinct", rows, distinct)
	}
	dead := 0
	for _, e := range s.engines {
		s.Eventually("readiness", func() bool { return e.Well(s.T) })
		e.WantMetric(s.T, "processor_archive_lost_total", 0)
		dead += e.Metric(s.T, "processor_archive_dead_total")
		if err := e.Stop(); err != nil { // here, since a node that was added ends before the engines
			s.T.Errorf("stop an engine: %v", err)
		}
	}
	if dead != s.invalid {
		s.T.Errorf("%d dead letters, want %d", dead, s.invalid)
	}
	return lost
}

// A slot moves under load, key by key: the stream, its dead letters and its leases. Then
// it moves to a new node. Nothing is lost and nothing is doubled.
func TestClusterSlotMoves(t *testing.T) {
	s := newClusterStack(t, 3)
	s.more(100)
	stream := clusterStreams[1]
	dead := stream + ":dead"
	s.addInvalid(stream)
	var keys []string
	between := func(key string) {
		if keys = append(keys, key); len(keys) <= 4 {
			s.more(20) // engines and publishers go on during the move
		}
	}
	s.c.MoveSlot(stream, s.c.Owner(clusterStreams[0]), between)
	for _, want := range []string{stream, clusterStreams[3], dead, stream + ":pitwall:lease:0", stream + ":pitwall:lease:1"} {
		if !slices.Contains(keys, want) {
			t.Errorf("%s was not moved, but %q", want, keys)
		}
	}
	s.addInvalid(stream)
	s.more(100)
	fresh := s.c.AddNode()
	keys = nil
	s.c.MoveSlot(stream, fresh, between)
	s.more(100)
	s.addInvalid(stream)
	if s.c.Owner(stream) != fresh {
		t.Fatal("the slot is not where it was moved to")
	}
	if lost := s.finish(); len(lost) > 0 {
		t.Errorf("lost: %q", lost)
	}
}

// A master is killed, or suspended and resumed, under load. What the promoted
// replica has is in the table and on the screens; the rest is listed.
func TestClusterMasterFails(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(sig.String(), func(t *testing.T) {
			s := newClusterStack(t, 3)
			s.more(100)
			stream := clusterStreams[1]
			victim := s.c.Owner(stream)
			replica := s.replicaOf(victim)
			replica.Signal(syscall.SIGSTOP) // it never gets what comes now
			if n := victim.Do("CLIENT", "KILL", "TYPE", "replica"); n != int64(1) {
				t.Fatalf("%v replicas were cut off, want 1", n)
			}
			s.more(50)
			begin := time.Now()
			victim.Signal(sig)
			replica.Signal(syscall.SIGCONT)
			s.Eventually("a replica to be promoted", func() bool {
				owner := s.c.Owner(stream, victim)
				return owner != nil && owner != victim
			})
			t.Logf("promoted after %v", time.Since(begin).Round(100*time.Millisecond))
			s.more(100)
			t.Logf("publishers go on after %v", time.Since(begin).Round(100*time.Millisecond))
			if sig == syscall.SIGSTOP {
				victim.Signal(syscall.SIGCONT)
				s.Eventually("the old master to follow the new one", func() bool { return victim.Role() == "slave" })
				s.more(100)
			}
			s.addInvalid(stream)
			lost := s.finish(victim)
			if len(lost[stream]) < 50 || len(lost[clusterStreams[3]]) < 50 || len(lost) != 2 {
				t.Errorf("lost: %q, want 50 or more of each stream whose replica was cut off, and no others", lost)
			}
		})
	}
}

// replicaOf is the replica of one of the original masters.
func (s *clusterStack) replicaOf(master *testenv.RedisServer) *testenv.RedisServer {
	return s.c.Nodes()[slices.Index(s.c.Nodes(), master)+3]
}

// addInvalid publishes a record that cannot be in the table, and waits for its dead
// letter.
func (s *clusterStack) addInvalid(stream string) {
	s.T.Helper()
	s.invalid++
	l := &clusterPublisher{nodes: s.c.Nodes(), stream: stream}
	defer l.close()
	if _, err := l.send("device_id", invalidDevice, "lat", "none"); err != nil {
		s.T.Fatal(err)
	}
	s.Eventually("the dead letter", func() bool {
		n := 0
		for _, e := range s.engines {
			n += e.Metric(s.T, "processor_archive_dead_total")
		}
		return n >= s.invalid
	})
}

// invalidDevice is a device whose records cannot be in the table.
const invalidDevice = "d-bad"

// With exactly the rights that are documented for a Cluster, on every node, a
// process works completely and no component has a fault.
func TestClusterLeastRights(t *testing.T) {
	const devices = 100
	s := newStack(t, devices)
	c := testenv.RedisCluster(t, 3)
	login := documentedLogins(t)["pitwall-cluster"]
	for _, n := range c.Nodes() {
		n.Do(login...)
	}
	client, err := redis.Open(t.Context(), redis.Options{URL: c.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	wantDocumented(t, login, neededRights(t, client, true, true))

	s.RedisURL = strings.Replace(c.Nodes()[1].URL(), "redis://", "redis://pitwall-cluster:secret@", 1)
	e := s.Start()
	screen := s.Watch(e.HTTP, "spectator", "", "")
	load := s.load(c.URL(), devices)
	load.more(s, devices)
	c.MoveSlot(e2etest.Stream, c.Owner("race:{1}"), func(string) { load.more(s, devices) })
	load.more(s, devices)
	load.stop()
	s.Redis = c.Owner(e2etest.Stream)
	s.Add("device_id", invalidDevice, "lat", "none")
	s.Eventually("the dead letter", func() bool { return s.Redis.Do("XLEN", "{"+e2etest.Stream+"}:dead") == int64(1) })
	s.WantScreens(load.newest(), screen)
	s.wantTable(load.names())
	s.wantAllRights(e)
}
