package live

import (
	"net"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/shard"
)

// Newcomers wait while a writer is behind, each a bounded time, and come in
// without a pause when it is not.
func TestPacedListener(t *testing.T) {
	t.Parallel()
	core, err := shard.New(shard.Config{})
	if err != nil {
		t.Fatal(err)
	}
	writer := new(sweep)
	srv := &Server{core: core, sweeps: []*sweep{writer}, m: &meters{pauses: metrics.NewSet().NewCounter("pauses")}}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := srv.Paced(inner)
	defer l.Close()
	arrive := func(newcomers int, want uint64) {
		t.Helper()
		for range newcomers {
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
			t.Errorf("%d pauses so far, want %d", n, want)
		}
	}
	arrive(2, 0)
	writer.begin(core.Now() - 2*int64(behindLeast))
	arrive(3, 3)
	writer.end(core.Now())
	arrive(2, 3)
}
