package streamreader

import (
	"context"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"pitwall/codec"
	"pitwall/engine/e2e/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEvent: the blocks are those of the harness, also where the numbers do not
// divide evenly.
func TestEvent(t *testing.T) {
	for _, o := range []Options{{Events: 1, Devices: 5}, {Events: 3, Devices: 10}, {Events: 7, Devices: 50}, {Events: 50, Devices: 50}} {
		o.DevicePrefix = "bench-d"
		for e := range o.Events {
			for d := e * o.Devices / o.Events; d < (e+1)*o.Devices/o.Events; d++ {
				if got, err := o.Event(o.DevicePrefix + strconv.Itoa(d)); got != e || err != nil {
					t.Errorf("device %d of %+v is in event %d, %v; want %d", d, o, got, err, e)
				}
			}
		}
		if e, err := o.Event("tracker"); err == nil {
			t.Errorf("a device of another publisher is in event %d", e)
		}
	}
}

// TestReadTakesEverythingInOrder, with several replies of Redis.
func TestReadTakesEverythingInOrder(t *testing.T) {
	redis, err := servers.StartRedis(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := redis.End(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	})
	r, err := New(Options{RedisURL: redis.URL(), Stream: "s", Events: 2, Devices: 4, DevicePrefix: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const records = 2*most + 5
	var add rueidis.Commands
	for i := range records {
		add = append(add, r.client.B().Arbitrary("XADD").Keys("s").Args("*", "device_id", "d"+strconv.Itoa(i%4), "lat", "1", "lon", "2",
			"ts", strconv.Itoa(1_700_000_000_000+i)).Build())
	}
	for _, reply := range r.client.DoMulti(t.Context(), add...) {
		if err := reply.Error(); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	take := func(event int, p *codec.Position) error {
		if event != n%4/2 || p.TS != int64(1_700_000_000_000+n) {
			t.Fatalf("record %d: event %d, %+v", n, event, p)
		}
		n++
		return nil
	}
	if err := r.Read(t.Context(), 0, take); err != nil || n != records {
		t.Errorf("read %d of %d records: %v", n, records, err)
	}
	if err := r.Read(t.Context(), time.Millisecond, take); err != nil || n != records {
		t.Errorf("read again: %d of %d records: %v", n, records, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx, take); err != nil {
		t.Errorf("Run after the end of its context: %v", err)
	}
}
