package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// The master is killed under load, and Sentinels promote its replica. Live part
// and archive go on by themselves. What the replica has is in the table and was
// shown; what it never got was acknowledged by the master alone.
func TestFaultSentinel(t *testing.T) {
	const devices = 100
	s := newFaultSite(t, devices)
	master, replica := testenv.RedisPair(t, testenv.AOF())
	sentinels, url := testenv.Sentinels(t, master)
	s.redis, s.redisURL = master, url
	e := s.start("--instance-id=one", "--live-device-rate=0", "--live-ring-max-age-ms=0")
	screen := s.watch(e.http, "spectator", "", "")
	load := s.load(url, devices)
	load.more(s, 1000)

	begin := time.Now()
	master.Kill()
	sentinels[0].Kill() // the first one in the URL is not needed
	s.eventually("the replica to be promoted", func() bool { return replica.Role() == "master" })
	t.Logf("promoted %v after the kill", time.Since(begin).Round(100*time.Millisecond))
	s.redis = replica
	load.more(s, 1000)
	t.Logf("the publisher goes on %v after the kill", time.Since(begin).Round(100*time.Millisecond))
	load.stop()

	s.wantScreens(load.newest(), screen)
	s.wantKept(replica, faultStream, load.names(), screen)
	s.eventually("readiness", func() bool { status, _ := e.get(t, "/readyz"); return status == 200 })
	if err := e.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if t.Failed() {
		t.Log(e.log)
	}
}

// wantKept waits until the archive has acknowledged all that a server has of a
// stream, and demands that all of it is in the table, once, and was shown.
// acked are the names of what publishers were told was taken. It returns those
// that are in neither: they are lost.
func (s *faultSite) wantKept(server *testenv.RedisServer, stream string, acked []string, screens ...*faultScreen) (lost []string) {
	s.t.Helper()
	s.eventually("the archive to acknowledge all of "+stream, func() bool { return faultDone(server, stream) })
	var kept, shown []string
	for _, r := range faultEntries(s.t, server, stream) {
		kept = append(kept, r.name)
		shown = append(shown, faultSeen(r.device, r.ts))
	}
	rows := map[string]int{}
	for name := range strings.SplitSeq(s.sql(faultTable), "\n") {
		rows[name]++
	}
	missing := 0
	for _, name := range kept {
		if rows[name] != 1 {
			missing++
			s.t.Logf("%q is in the table %d times", name, rows[name])
		}
	}
	if missing > 0 {
		s.t.Errorf("%d of %d entries of %s are not in the table once", missing, len(kept), stream)
	}
	for _, w := range screens {
		if n := w.unseen(shown); n > 0 {
			s.t.Errorf("%s never saw %d of %d entries of %s", w.name, n, len(shown), stream)
		}
	}
	for _, name := range acked {
		if rows[name] == 0 {
			lost = append(lost, name)
		}
	}
	s.t.Logf("%s: %d published, %d on the server, %d lost %q", stream, len(acked), len(kept), len(lost), lost[:min(3, len(lost))])
	return lost
}

// faultDone reports whether the archive has acknowledged a stream to its end.
func faultDone(server *testenv.RedisServer, stream string) bool {
	info, err := server.Try("XINFO", "STREAM", stream)
	if err != nil {
		return false
	}
	groups, err := server.Try("XINFO", "GROUPS", stream)
	if err != nil {
		return false
	}
	last := faultField(info, "last-generated-id")
	list, _ := groups.([]any)
	return slices.ContainsFunc(list, func(g any) bool {
		return faultField(g, "name") == faultGroup && faultField(g, "last-delivered-id") == last && faultNumber(g, "pending") == 0
	})
}

// faultNumber is faultField for integers, -1 where there is none.
func faultNumber(reply any, name string) int64 {
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if n, ok := list[i+1].(int64); ok && list[i] == name {
			return n
		}
	}
	return -1
}

// faultEntry is an entry of a stream that faultRecord made.
type faultEntry struct {
	id, device, name string
	ts               int64
}

// faultEntries are all entries of a stream that have a place in the table.
func faultEntries(t *testing.T, server *testenv.RedisServer, stream string) (list []faultEntry) {
	t.Helper()
	for from := "-"; ; {
		page := server.Do("XRANGE", stream, from, "+", "COUNT", "5000").([]any)
		if len(page) == 0 {
			return list
		}
		for _, x := range page {
			entry := x.([]any)
			e := faultEntry{id: entry[0].(string), device: faultField(entry[1], "device_id")}
			from = "(" + e.id
			if e.device == clusterBad {
				continue
			}
			e.ts, e.name = faultRead(t, e.device, entry[1])
			list = append(list, e)
		}
	}
}

// faultRead reads what faultRecord wrote.
func faultRead(t *testing.T, device string, fields any) (ts int64, name string) {
	t.Helper()
	var attributes struct{ N int }
	var payload struct {
		Timestamp  time.Time
		Attributes struct{ N int }
	}
	if text := faultField(fields, "payload"); text != "" {
		if err := json.Unmarshal([]byte(text), &payload); err != nil {
			t.Fatalf("payload %q: %v", text, err)
		}
		ts, attributes = payload.Timestamp.UnixMilli(), payload.Attributes
	} else {
		var err error
		if ts, err = strconv.ParseInt(faultField(fields, "ts"), 10, 64); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(faultField(fields, "attributes")), &attributes); err != nil {
			t.Fatal(err)
		}
	}
	return ts, fmt.Sprintf("%s %d %d", device, ts, attributes.N)
}
