package faults

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// The master is killed under load, and Sentinels promote its replica. Live part
// and archive go on by themselves. What the replica has is in the table and was
// shown; what it never got was acknowledged by the master alone.
func TestSentinel(t *testing.T) {
	const devices = 100
	s := newStack(t, devices)
	master, replica := testenv.RedisPair(t, testenv.AOF())
	sentinels, url := testenv.Sentinels(t, master)
	s.Redis, s.RedisURL = master, url
	e := s.Start(append(showsAll, "--instance-id=one")...)
	screen := s.Watch(e.HTTP, "spectator", "", "")
	load := s.load(url, devices)
	load.more(s, 1000)

	begin := time.Now()
	master.Kill()
	sentinels[0].Kill() // the first one in the URL is not needed
	s.Eventually("the replica to be promoted", func() bool { return replica.Role() == "master" })
	t.Logf("promoted %v after the kill", time.Since(begin).Round(100*time.Millisecond))
	s.Redis = replica
	load.more(s, 1000)
	t.Logf("the publisher goes on %v after the kill", time.Since(begin).Round(100*time.Millisecond))
	load.stop()

	s.WantScreens(load.newest(), screen)
	s.wantKept(replica, e2etest.Stream, load.names(), screen)
	s.wantReady(e.Addrs)
}

// wantKept waits until the archive has acknowledged all that a server has of a stream,
// and checks that each entry is in the table once and was shown. acked are the names of
// the records that were acknowledged to publishers. It logs those that are not in the
// table: they were lost with the old server.
func (s *stack) wantKept(server *testenv.RedisServer, stream string, acked []string, screens ...*e2etest.Screen) {
	s.T.Helper()
	s.Eventually("the archive to acknowledge all of "+stream, func() bool { return e2etest.Drained(server, stream) })
	var kept, shown []string
	for _, fields := range entriesOf(server, stream) {
		if device := e2etest.Field(fields, "device_id"); device != invalidDevice {
			ts, name := readRecord(s.T, device, fields)
			kept = append(kept, name)
			shown = append(shown, e2etest.PositionName(device, ts))
		}
	}
	rows := map[string]int{}
	for name := range strings.SplitSeq(s.SQL(tableNames), "\n") {
		rows[name]++
	}
	missing := 0
	for _, name := range kept {
		if rows[name] != 1 {
			missing++
			s.T.Logf("%q is in the table %d times", name, rows[name])
		}
	}
	if missing > 0 {
		s.T.Errorf("%d of %d entries of %s are not in the table once", missing, len(kept), stream)
	}
	for _, w := range screens {
		if n := w.Unseen(shown); n > 0 {
			s.T.Errorf("%s never saw %d of %d entries of %s", w.Name, n, len(shown), stream)
		}
	}
	var lost []string
	for _, name := range acked {
		if rows[name] == 0 {
			lost = append(lost, name)
		}
	}
	s.T.Logf("%s: %d published, %d on the server, %d lost %q", stream, len(acked), len(kept), len(lost), lost[:min(3, len(lost))])
}

// readRecord reads what record wrote.
func readRecord(t testing.TB, device string, fields any) (ts int64, name string) {
	t.Helper()
	var attributes struct{ N int }
	var payload struct {
		Timestamp  time.Time
		Attributes struct{ N int }
	}
	if text := e2etest.Field(fields, "payload"); text != "" {
		if err := json.Unmarshal([]byte(text), &payload); err != nil {
			t.Fatalf("payload %q: %v", text, err)
		}
		ts, attributes = payload.Timestamp.UnixMilli(), payload.Attributes
	} else {
		var err error
		if ts, err = strconv.ParseInt(e2etest.Field(fields, "ts"), 10, 64); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(e2etest.Field(fields, "attributes")), &attributes); err != nil {
			t.Fatal(err)
		}
	}
	return ts, recordName(device, ts, attributes.N)
}
