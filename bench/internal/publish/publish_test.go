package publish

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pitwall/codec"
	"pitwall/engine/e2e/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRecordsAreReal: the codec decodes both shapes, with the numbers in them.
func TestRecordsAreReal(t *testing.T) {
	const base = int64(1764000000000)
	due := time.UnixMilli(1764000001234)
	decoder := codec.NewDecoder(codec.DefaultLimits())
	shapes := map[string]int{}
	for i := range 2 * flatEvery {
		d := newDevice("d", i)
		for n := 1; n <= 3; n++ {
			fields := d.record(i, base, due)
			shapes[strings.Join(fields[len(fields)-2:len(fields)-1], "")]++
			var p codec.Position
			if err := decoder.Decode(&p, due.UnixMilli(), 0, fields); err != nil {
				t.Fatalf("%q: %v", fields, err)
			}
			want := fmt.Sprintf(`"n":%d,"at":%d}`, base+int64(n), due.UnixMicro())
			if !strings.HasSuffix(string(p.Attributes), want) || p.DeviceID != Name("d", i) || p.TS != due.UnixMilli() {
				t.Errorf("%q decodes to device %q, ts %d, attributes %s; want them to end with %s", fields, p.DeviceID, p.TS, p.Attributes, want)
			}
		}
	}
	if shapes["payload"] != 54 || shapes["attributes"] != 6 {
		t.Errorf("shapes %v, want one device in %d with the flat one", shapes, flatEvery)
	}
}

// TestSchedule: intervals are even, the same rate changes nothing, and another rate
// starts again.
func TestSchedule(t *testing.T) {
	start := time.Unix(1000, 0)
	var s schedule
	s.set(250, start)
	for i := range int64(1000) {
		s.n = i
		if got, want := s.due().Sub(start), time.Duration(i)*4*time.Millisecond; got != want {
			t.Fatalf("record %d is due after %v, want %v", i, got, want)
		}
	}
	s.set(250, start.Add(time.Hour))
	if got := s.due().Sub(start); got != 999*4*time.Millisecond {
		t.Errorf("the same rate moved the schedule to %v", got)
	}
	s.set(10, start.Add(time.Minute))
	if got := s.due().Sub(start); got != time.Minute || s.n != 0 {
		t.Errorf("another rate begins after %v with record %d, want a minute and 0", got, s.n)
	}
}

// TestRun publishes to a real Redis that is suspended for a while: no record is
// left out, and the delay is seen.
func TestRun(t *testing.T) {
	r, err := servers.StartRedis(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.End(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}()
	p, err := New(Options{RedisURL: r.URL(), Stream: "s", MaxLen: 1_000_000, Prefix: "d", Devices: 10, Rate: 500})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	sent := func(n int64) {
		t.Helper()
		if !servers.Poll(20*time.Second, func() bool { return p.Sent() >= n }) {
			t.Fatalf("%d records sent, want %d", p.Sent(), n)
		}
	}
	sent(100)
	if err := syscall.Kill(r.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	paused := time.NewTimer(400 * time.Millisecond)
	<-paused.C
	if err := syscall.Kill(r.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	sent(p.Sent() + 300)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, n := range p.Published() {
		total += int64(n)
	}
	c, err := servers.Dial(r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := c.Do("XLEN", "s"); err != nil || got != total || p.Sent() != total {
		t.Errorf("the stream has %v entries (%v), %d were sent, devices count %d", got, err, p.Sent(), total)
	}
	if _, stored := p.Figures(); stored.Max() < (300 * time.Millisecond).Microseconds() {
		t.Errorf("the longest time from due to stored is %d µs, want one that includes the suspension", stored.Max())
	}
}
