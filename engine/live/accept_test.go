package live

import (
	"net"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/shard"
)

// New connections wait while a writer is late or the window is longer than
// configured. Otherwise they are accepted without a pause.
func TestPacedListener(t *testing.T) {
	t.Parallel()
	const window = 100 * time.Millisecond
	core, err := shard.New(shard.Config{Window: window})
	if err != nil {
		t.Fatal(err)
	}
	writer := new(passTimer)
	srv := &Server{core: core, passes: []*passTimer{writer}, m: &meters{pauses: metrics.NewSet().NewCounter("pauses")}}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := srv.PaceListener(inner)
	defer l.Close()
	connect := func(clients int, want uint64) {
		t.Helper()
		for range clients {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			in, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_ = in.Close()
		}
		if n := srv.m.pauses.Get(); n != want {
			t.Errorf("got %d pauses so far, want %d", n, want)
		}
	}
	connect(2, 0)
	writer.begin(core.Now() - int64(2*window))
	connect(3, 3)
	writer.end(core.Now())
	connect(2, 3)
	core.SetWindow(2 * window)
	connect(3, 6)
	core.SetWindow(window)
	connect(2, 6)
}

func TestPauseFor(t *testing.T) {
	t.Parallel()
	const window = 100 * time.Millisecond
	for _, c := range []struct{ late, want time.Duration }{
		{0, 0},
		{window, 0},
		{window * 5 / 4, 0},
		{window * 9 / 4, pausePerWindow},
		{window * 17 / 4, 3 * pausePerWindow},
		{time.Hour, longestPause},
	} {
		if got := pauseFor(c.late, window); got != c.want {
			t.Errorf("pauseFor(%v) is %v, want %v", c.late, got, c.want)
		}
	}
}
