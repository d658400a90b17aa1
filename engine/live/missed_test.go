package live

import (
	"testing"

	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// Pings that a client has not answered before its queue filled are forgotten:
// it could not have seen them, and counting starts again once it has drained.
func TestUnansweredPingsAreForgottenWhileBytesAreUnsent(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight)
	f := r.flowOf("e", "", devices)
	w := r.slow("")
	w.subscribe("e")
	s := r.newest()
	ping := shard.NewControl([]byte{0x80 | opPing, 0})
	drained := func() {
		t.Helper()
		testenv.Eventually(t, patience, "everything to be sent", func() bool { n, _ := s.conn.Queued(); return n == 0 })
	}
	beat := func() { // to a client that has everything, and does not answer
		t.Helper()
		drained()
		s.ping(ping)
	}
	beat()
	beat()
	f.untilLagged(s)
	s.ping(ping)
	f.level(w)
	beat()
	beat()
	w.send(text(`{"type":"ping","id":"there"}`))
	w.until(`"pong","id":"there"`)
	beat()
	w.closed(1008)
}
