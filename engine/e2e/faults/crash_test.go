package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

var (
	crashKills   = flag.Int("crash.kills", 5, "how often TestCrash kills the process")
	crashCluster = flag.Bool("crash.cluster", false, "whether TestCrash also runs on a Redis Cluster")
	crashSeed    = flag.Uint64("crash.seed", 0, "what TestCrash draws from; 0 for another one each time")
)

// TestCrash kills the archiving process again and again at random moments,
// under a load of numbered records with invalid ones among them. In between,
// connections are cut in the middle of replies, Postgres and Redis are
// restarted, and a second process joins and leaves. In the end the table must
// hold every number exactly once, and the dead letters, distinct by source id,
// exactly the invalid records. It does so with one table, and with partitions
// that do not exist yet. make crash runs it for longer, and on a Redis Cluster
// as well.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-crash.seed=%d", seed)
	kinds := []string{"one table", "partitions"}
	if *crashCluster {
		kinds = append(kinds, "cluster")
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := newCrash(t, seed, kind == "partitions", kind == "cluster")
			for i := range *crashKills {
				c.round(i)
			}
			c.finish()
		})
	}
}

// crash is a run of TestCrash.
type crash struct {
	*stack
	bin    string
	random *rand.Rand
	proxy  *testenv.TCPProxy // to Redis; nil on a Cluster, whose nodes name themselves
	dead   string            // stream of the dead letters
	load   *publisher
	first  *process
	second *process // nil while there is none

	kills, cuts, pgRestarts, redisRestarts, joins, broken int
}

func newCrash(t *testing.T, seed uint64, partitions, cluster bool) *crash {
	const devices = 500
	c := &crash{stack: newStack(t, devices), bin: e2etest.Build(t, "cmd/pitwall"), random: rand.New(rand.NewPCG(seed, 0))}
	if partitions {
		c.partition()
	}
	if c.dead = e2etest.Stream + ":dead"; cluster {
		// A node that restarts within the time-out stays a master.
		nodes := testenv.RedisCluster(t, 3, testenv.AOF(), testenv.Args("--cluster-node-timeout", "60000"))
		c.Redis, c.RedisURL, c.dead = nodes.Owner(e2etest.Stream), nodes.URL(), "{"+e2etest.Stream+"}:dead"
	} else {
		c.proxy = c.ProxyRedis()
	}
	c.load = c.loadEvery(c.Redis.URL(), devices, batchEvery/3) // 6,000 records a second
	c.first = c.start("one")
	return c
}

// start starts an archiving process that soon claims what others left.
func (c *crash) start(name string) *process {
	c.T.Helper()
	return c.process(c.bin, "--no-live", "--instance-id="+name, "--archive-claim-idle-ms=1000", "--archive-claim-interval-ms=200")
}

// round makes one thing happen, in a fixed order so that each happens in every
// run, and ends with a kill.
func (c *crash) round(i int) {
	c.T.Helper()
	c.load.more(c.stack, 200+c.random.IntN(2000))
	c.publishInvalid(1 + c.random.IntN(20))
	switch i % 5 {
	case 0: // a reply that is lost with its connection, three times
		for range 3 {
			c.cuts++
			if c.proxy == nil {
				c.Redis.CutClients()
				continue
			}
			cuts := c.proxy.Cuts()
			c.proxy.CutAfter(c.random.Int64N(200_000))
			c.Eventually("a connection to be cut", func() bool { return c.proxy.Cuts() > cuts })
		}
	case 1:
		c.PG.Crash()
		c.load.more(c.stack, c.random.IntN(1000))
		c.PG.Start()
		c.pgRestarts++
	case 2:
		c.second = c.start("two")
		c.joins++
	case 3:
		c.Redis.Kill()
		c.Redis.Start()
		c.redisRestarts++
		c.load.more(c.stack, c.random.IntN(1000))
	case 4:
		if c.second != nil {
			c.stopSecond()
		}
	}
	pause := time.NewTimer(time.Duration(c.random.IntN(100)) * time.Millisecond)
	<-pause.C // any moment
	c.first.kill()
	c.kills++
	c.first = c.start([]string{"one", "three"}[c.random.IntN(2)])
}

// stopSecond stops the second process cleanly. It waits until the process has recovered:
// a process that is stopped during a back-off fails, because entries stay pending.
func (c *crash) stopSecond() {
	c.T.Helper()
	c.Eventually("the second process to recover", func() bool { return c.second.Well(c.T) })
	c.second.signal(syscall.SIGTERM)
	if code := c.second.wait(); code != 0 {
		c.T.Errorf("exit code %d of the process that left:\n%s", code, c.second.output())
	}
	c.second = nil
}

// publishInvalid adds records that have no place in the table.
func (c *crash) publishInvalid(n int) {
	for range n {
		b := invalidRecords[c.random.IntN(len(invalidRecords))]
		c.Add(append(b.record(c.broken), "broken", fmt.Sprint(c.broken))...)
		c.broken++
	}
}

// finish waits until the archive has caught up, and compares everything.
func (c *crash) finish() {
	c.T.Helper()
	c.load.stop()
	names := c.load.names()
	c.wantTable(names)
	entries, broken := c.published()
	letters := c.sourceIDs()
	distinct := slices.Compact(slices.Sorted(slices.Values(letters)))
	wantSame(c.T, "the dead letters", distinct, broken)
	rows := c.Number("SELECT count(*) FROM positions")
	if rows != len(names) {
		c.T.Errorf("the table has %d rows, want %d", rows, len(names))
	}
	how := "in the middle of replies"
	if c.proxy == nil {
		how = "all of a node at once"
	}
	c.T.Logf(`ledger
  killed                    %d times, by SIGKILL
  connections cut           %d times, %s
  Postgres crashed          %d times
  Redis killed              %d times, with AOF
  a second process joined   %d times
  records in the stream     %d, %d of them broken
  numbers acknowledged      %d to the publisher, which tried %d batches again
  rows in the table         %d, of %d numbers
  dead letters              %d, of %d source ids`,
		c.kills, c.cuts, how, c.pgRestarts, c.redisRestarts, c.joins, entries, len(broken), len(names), c.load.retries,
		rows, c.Number("SELECT count(DISTINCT attributes->>'n') FROM positions"), len(letters), len(distinct))
}

// published returns how many entries the stream has, and the ids of the invalid
// ones.
func (c *crash) published() (entries int, broken []string) {
	c.T.Helper()
	for id, fields := range entriesOf(c.Redis, e2etest.Stream) {
		entries++
		if e2etest.Field(fields, "broken") != "" {
			broken = append(broken, id)
		}
	}
	slices.Sort(broken)
	return entries, broken
}

// sourceIDs returns the source id of each dead letter.
func (c *crash) sourceIDs() (ids []string) {
	c.T.Helper()
	for _, fields := range entriesOf(c.Redis, c.dead) {
		id := e2etest.Field(fields, "source_id")
		if !strings.Contains(id, "-") {
			c.T.Errorf("a dead letter of %q", id)
		}
		ids = append(ids, id)
	}
	return ids
}
