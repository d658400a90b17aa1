package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// crowded is a rig with one shard and a crowd that watches event e, of which
// device d is the one.
func crowded(tb testing.TB, n int, interval time.Duration) (*rig, []*Conn) {
	r := newRig(tb, Config{Shards: 1, Window: 100 * time.Millisecond})
	r.roster(map[string][]string{"e": {"d"}})
	conns := make([]*Conn, n)
	t, _, _ := r.core.Watch("e")
	for i := range conns {
		conns[i] = r.core.NewConn(0, false, nil)
	}
	// In memory they do not lie in the order of the list, as in a process that
	// people come to and go from.
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
	for _, c := range conns {
		r.core.Subscribe(c, t, interval, func() {})
	}
	r.settle()
	for _, c := range conns {
		drain(c)
	}
	r.core.Queue(0).Take()
	return r, conns
}

// BenchmarkPush seals one position for many connections that have long left
// the processor's caches; one operation is one connection. What the writers do
// is not counted. The longest turn is what another topic has to wait at worst,
// as a median of the pushes.
func BenchmarkPush(b *testing.B) {
	for _, of := range []struct {
		name     string
		interval time.Duration
	}{{"live", 0}, {"interval", 250 * time.Millisecond}} {
		for _, n := range []int{100, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/connections=%d", of.name, n), func(b *testing.B) { benchPush(b, n, of.interval) })
		}
	}
}

func benchPush(b *testing.B, n int, interval time.Duration) {
	r, conns := crowded(b, n, interval)
	w := r.core.workers[0]
	var spent time.Duration
	var longest []time.Duration
	ops := 0
	for ts := int64(base); ops < b.N; ops += n {
		ts++
		r.send("d", ts)
		batch := <-w.batches
		r.pass(time.Second)
		most := time.Duration(0)
		for next := r.now; next <= r.now; {
			start := time.Now()
			next = w.turn(batch)
			d := time.Since(start)
			batch = nil
			spent += d
			most = max(most, d)
		}
		longest = append(longest, most)
		for _, c := range conns {
			drain(c)
		}
		r.core.Queue(0).Take()
	}
	slices.Sort(longest)
	b.ReportMetric(float64(longest[len(longest)/2].Microseconds()), "longest-turn-µs")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(ops), "ns/push")
	b.ReportMetric(0, "ns/op")
}
