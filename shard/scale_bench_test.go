package shard

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"pitwall/codec"
)

// manyConns returns a rig with one shard and n connections that watch event e with its one
// device d.
func manyConns(tb testing.TB, n int, interval time.Duration) (*rig, []*Conn) {
	r := newRig(tb, Config{Shards: 1, Window: 100 * time.Millisecond})
	r.roster(map[string][]string{"e": {"d"}})
	conns := make([]*Conn, n)
	t, _ := r.core.Watch("e")
	for i := range conns {
		conns[i] = r.core.NewConn(0, false, nil)
	}
	// In a process in which connections come and go, their memory is not in the order of the
	// list either.
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
	for _, c := range conns {
		r.core.Subscribe(c, t, interval, func() {})
	}
	r.settle()
	drainConns(conns)
	return r, conns
}

// BenchmarkPush seals one position for many connections that are not in the processor's
// caches any more. One operation is one connection. The work of the writers is not counted.
// The longest turn is the longest wait of another topic, as a median of the pushes.
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
	r, conns := manyConns(b, n, interval)
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
		drainConns(conns)
	}
	slices.Sort(longest)
	b.ReportMetric(float64(longest[len(longest)/2].Microseconds()), "longest-turn-µs")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(ops), "ns/push")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSubscribe subscribes one more connection to an event that others watch, and
// unsubscribes it. One operation is both.
func BenchmarkSubscribe(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprintf("subscribers=%d", n), func(b *testing.B) {
			r, _ := manyConns(b, n, 0)
			w := r.core.workers[0]
			t, _ := r.core.Watch("e")
			c := r.core.NewConn(0, false, nil)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				r.core.Subscribe(c, t, 0, func() {})
				w.turn(nil)
				r.core.Unsubscribe(c, t, nil, func() {})
				w.turn(nil)
				drain(c)
			}
		})
	}
}

// pairs spreads devices over events.
func pairs(devices, events int) (ro Roster, names []string) {
	for i := range devices {
		d := fmt.Sprintf("86012345%07d", i)
		names = append(names, d)
		ro.Pairs = append(ro.Pairs, Pair{d, fmt.Sprintf("event-%05d", i%events)})
	}
	return ro, names
}

// BenchmarkTake applies positions of 50,000 devices in 10,000 events without subscribers, or
// with one each. One operation is one position, with its share of the seals and the drains.
func BenchmarkTake(b *testing.B) {
	const devices, events = 50_000, 10_000
	for _, watched := range []bool{false, true} {
		b.Run(fmt.Sprintf("watched=%v", watched), func(b *testing.B) {
			r := newRig(b, Config{Shards: 1})
			ro, names := pairs(devices, events)
			r.swapRoster(ro)
			r.settle()
			var conns []*Conn
			for i := 0; watched && i < events; i++ {
				c := r.core.NewConn(0, false, nil)
				t, _ := r.core.Watch(fmt.Sprintf("event-%05d", i))
				r.core.Subscribe(c, t, 0, func() {})
				conns = append(conns, c)
			}
			r.settle()
			w, ts := r.core.workers[0], int64(base)
			lap := func() (n int) {
				ts += 1000
				for at := 0; at < len(names); at += 500 {
					batch := r.core.AcquireBatch()
					for _, d := range names[at : at+500] {
						batch.Positions = append(batch.Positions, codec.Position{DeviceID: d, TS: ts, Arrival: ts, Lat: 57.1, Lon: 11.9})
					}
					r.now += int64(10 * time.Millisecond)
					w.turn(batch)
				}
				for w.turn(nil) <= r.now {
				}
				drainConns(conns)
				return len(names)
			}
			lap()
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += lap() {
			}
		})
	}
}

// BenchmarkSwap replaces a map of 50,000 devices in 10,000 events by one in which some
// devices have moved to another event. One operation is the whole swap, with the work of the
// shards. The longest turn, in CPU time, is the longest wait of everything else, as a median
// of the swaps. If watched, every event has one subscriber, and one in ten of these an
// interval.
func BenchmarkSwap(b *testing.B) {
	for _, of := range []struct {
		moved   int
		watched bool
	}{{0, false}, {100, false}, {50_000, false}, {50_000, true}} {
		b.Run(fmt.Sprintf("moved=%d,watched=%v", of.moved, of.watched), func(b *testing.B) { benchSwap(b, of.moved, of.watched) })
	}
}

func benchSwap(b *testing.B, moved int, watched bool) {
	const devices, events = 50_000, 10_000
	r := newRig(b, Config{Shards: 2})
	one, names := pairs(devices, events)
	two := Roster{Pairs: slices.Clone(one.Pairs)}
	for i := range moved {
		two.Pairs[i].Event = fmt.Sprintf("event-%05d", (i+1)%events)
	}
	r.swapRoster(one)
	r.settle()
	for _, d := range names {
		r.send(d, base)
		r.turn(r.core.ShardOf(d))
	}
	var conns []*Conn
	for i := 0; watched && i < events; i++ {
		conns = append(conns, r.core.NewConn(0, false, nil))
		t, _ := r.core.Watch(fmt.Sprintf("event-%05d", i))
		interval := time.Duration(0)
		if i%10 == 0 {
			interval = Intervals[len(Intervals)-1]
		}
		r.core.Subscribe(conns[i], t, interval, func() {})
	}
	r.settle()
	drainConns(conns)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	b.ResetTimer()
	var shards time.Duration
	var longest []time.Duration
	for n := range b.N {
		r.swapRoster([]Roster{two, one}[n%2])
		most := time.Duration(0)
		for _, w := range r.core.workers {
			for more := true; more; {
				start := cpuTime(thisThread)
				more = w.turn(nil) <= r.now
				d := cpuTime(thisThread) - start
				shards += d
				most = max(most, d)
			}
		}
		longest = append(longest, most)
		b.StopTimer()
		r.pass(time.Second)
		r.settle()
		drainConns(conns)
		b.StartTimer()
	}
	slices.Sort(longest)
	b.ReportMetric(float64(longest[len(longest)/2].Microseconds()), "longest-turn-µs")
	b.ReportMetric(float64(shards.Microseconds())/float64(b.N)/2, "µs/shard")
}

func drainConns(conns []*Conn) {
	for _, c := range conns {
		drain(c)
	}
}
