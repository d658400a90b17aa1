package faults

import (
	"encoding/json"
	"fmt"
	"slices"
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
	e := s.Start("--instance-id=one", "--live-device-rate=0", "--live-ring-max-age-ms=0")
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
	s.Eventually("readiness", func() bool { status, _ := e.Get(t, "/readyz"); return status == 200 })
	if err := e.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if t.Failed() {
		t.Log(e.Log)
	}
}

// wantKept waits until the archive has acknowledged everything that a server
// has of a stream, and checks that all of it is in the table once and was
// shown. acked are the names of the records that were acknowledged to
// publishers. Those that are not in the table are returned: they are lost.
func (s *stack) wantKept(server *testenv.RedisServer, stream string, acked []string, screens ...*e2etest.Screen) (lost []string) {
	s.T.Helper()
	s.Eventually("the archive to acknowledge all of "+stream, func() bool { return allAcknowledged(server, stream) })
	var kept, shown []string
	for _, r := range entriesOf(s.T, server, stream) {
		kept = append(kept, r.name)
		shown = append(shown, e2etest.PositionName(r.device, r.ts))
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
	for _, name := range acked {
		if rows[name] == 0 {
			lost = append(lost, name)
		}
	}
	s.T.Logf("%s: %d published, %d on the server, %d lost %q", stream, len(acked), len(kept), len(lost), lost[:min(3, len(lost))])
	return lost
}

// allAcknowledged reports whether the archive has acknowledged a stream to its end.
func allAcknowledged(server *testenv.RedisServer, stream string) bool {
	info, err := server.Try("XINFO", "STREAM", stream)
	if err != nil {
		return false
	}
	groups, err := server.Try("XINFO", "GROUPS", stream)
	if err != nil {
		return false
	}
	last := e2etest.Field(info, "last-generated-id")
	list, _ := groups.([]any)
	return slices.ContainsFunc(list, func(g any) bool {
		return e2etest.Field(g, "name") == e2etest.Group && e2etest.Field(g, "last-delivered-id") == last && integerField(g, "pending") == 0
	})
}

// integerField is e2etest.Field for integers, -1 where there is none.
func integerField(reply any, name string) int64 {
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if n, ok := list[i+1].(int64); ok && list[i] == name {
			return n
		}
	}
	return -1
}

// entry is an entry of a stream that was made by record.
type entry struct {
	id, device, name string
	ts               int64
}

// entriesOf returns all entries of a stream that have a place in the table.
func entriesOf(t testing.TB, server *testenv.RedisServer, stream string) (list []entry) {
	t.Helper()
	for from := "-"; ; {
		page := server.Do("XRANGE", stream, from, "+", "COUNT", "5000").([]any)
		if len(page) == 0 {
			return list
		}
		for _, x := range page {
			pair := x.([]any)
			e := entry{id: pair[0].(string), device: e2etest.Field(pair[1], "device_id")}
			from = "(" + e.id
			if e.device == invalidDevice {
				continue
			}
			e.ts, e.name = readRecord(t, e.device, pair[1])
			list = append(list, e)
		}
	}
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
	return ts, fmt.Sprintf("%s %d %d", device, ts, attributes.N)
}
