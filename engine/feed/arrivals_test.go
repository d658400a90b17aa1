package feed

import (
	"testing"

	"pitwall/engine/internal/redis"
)

// entriesAt are entries that arrived at these times, in ms.
func entriesAt(ms ...uint64) (list []redis.Entry) {
	for _, at := range ms {
		list = append(list, redis.Entry{ID: redis.ID{Ms: at}})
	}
	return list
}

// A feed has come as far as its slowest stream. A stream that was found empty has come as
// far as any stream had when the read began. A restarted server, a clock that was set back
// and a warm start that was cut short are reported.
func TestArrivals(t *testing.T) {
	a := &arrivals{through: map[string]int64{}, servers: map[string]string{}}
	f := &Feed{}
	for _, stream := range []string{"a", "b"} {
		f.readers = append(f.readers, &reader{stream: stream, clock: newClockDifference(0, nil, nil)})
	}
	a.begin("a", "server", redis.ID{Ms: 1000})
	a.begin("b", "server", redis.ID{})
	want := func(what string, through int64, restarts uint64) uint64 {
		t.Helper()
		f.arrivals.through, f.arrivals.servers, f.arrivals.restarts, f.arrivals.cut = a.through, a.servers, a.restarts, a.cut
		got := f.Arrivals()
		if got.Through != through || got.Restarts != restarts {
			t.Errorf("%s: through %d with %d restarts, want %d with %d", what, got.Through, got.Restarts, through, restarts)
		}
		return got.Epoch
	}
	epoch := want("an empty stream", 0, 0)
	seen := a.seen()
	a.delivered("a", entriesAt(50_000, 60_000), true, seen)
	a.delivered("b", nil, true, seen)
	want("a stream that was read before the other", 0, 0)
	a.delivered("b", nil, false, a.seen())
	want("a read that did not empty the stream", 0, 0)
	a.delivered("b", nil, true, a.seen())
	want("an empty stream after the other", 60_000, 0)
	a.delivered("a", entriesAt(70_000), true, a.seen())
	want("the stream that is behind", 60_000, 0)
	a.delivered("b", entriesAt(58_000), true, a.seen())
	if got := want("an entry a little late", 70_000, 0); got != epoch {
		t.Error("the epoch has changed")
	}
	a.delivered("b", entriesAt(30_000), true, a.seen())
	want("a clock that was set back", 30_000, 1)
	a.begin("a", "other", redis.ID{Ms: 40_000})
	if got := want("another server", 30_000, 2); got == epoch {
		t.Error("another server has the same epoch")
	}
	a.cutShort()
	want("a warm start that was cut short", 0, 2)
}
