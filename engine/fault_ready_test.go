package engine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pitwall/engine/internal/testenv"
)

// parts asks the private listener how each part is: its state by its name.
func (a faultAddrs) parts(t *testing.T) (status int, states map[string]string) {
	t.Helper()
	status, body := a.get(t, "/readyz?format=json")
	var answer struct {
		Parts []struct{ Part, State string }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	states = map[string]string{}
	for _, p := range answer.Parts {
		states[p.Part] = p.State
	}
	return status, states
}

// all reports whether each of the parts is in the state.
func (a faultAddrs) all(t *testing.T, state string, parts ...string) bool {
	t.Helper()
	_, states := a.parts(t)
	return !slices.ContainsFunc(parts, func(p string) bool { return states[p] != state })
}

// logged returns whether a change of a part was logged.
func (e *faultEngine) logged(text, part string) bool {
	return slices.ContainsFunc(e.log.find(text), func(l faultLine) bool { return l.attrs["part"] == part })
}

var (
	redisParts    = []string{"redis", "lease", "feed " + faultStream}
	databaseParts = []string{"database", "event map", "listen pitwall_roster"}
	allParts      = slices.Concat(redisParts, databaseParts, []string{"rights of the feed", "rights of the archive", "corrections", "listen pitwall_positions",
		"archive " + faultStream, "dead letters " + faultStream})
)

// Redis goes away, or stands still, for longer than is allowed: the process is
// not ready, names why, and both lags grow. When Redis is back, so is everything.
func TestFaultRedisAwayIsTold(t *testing.T) {
	for _, c := range []struct {
		name      string
		away, end func(*faultSite, *testenv.TCPProxy)
	}{
		{"gone", func(s *faultSite, _ *testenv.TCPProxy) { s.redis.Stop() }, func(s *faultSite, _ *testenv.TCPProxy) { s.redis.Start() }},
		{"silent", func(_ *faultSite, p *testenv.TCPProxy) { p.Stall() }, func(_ *faultSite, p *testenv.TCPProxy) { p.Resume() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFaultSite(t, 1)
			proxy := testenv.Proxy(t, s.redis.Addr())
			s.redisURL = "redis://" + proxy.Addr()
			e := s.start("--ready-redis-away-ms=1")
			well := func() bool { status, _ := e.parts(t); return status == 200 && e.all(t, "ok", allParts...) }
			s.eventually("all parts to be well", well)

			c.away(s, proxy)
			s.eventually("the parts to have failed", func() bool { return e.all(t, "failed", redisParts...) })
			status, body := e.get(t, "/readyz")
			if status != 503 || !strings.Contains(body, "redis: ping Redis") {
				t.Errorf("/readyz answers %d: %s", status, body)
			}
			lags := []string{"processor_live_stream_lag_ms", "processor_archive_lag_ms"}
			for _, metric := range lags {
				last := e.metric(t, metric)
				s.eventually(metric+" to grow", func() bool { return e.metric(t, metric) > last })
			}

			c.end(s, proxy)
			s.eventually("all parts to be well again", well)
			for _, part := range append(redisParts, "archive "+faultStream) {
				if !e.logged("part has a fault", part) || !e.logged("part has recovered", part) {
					t.Errorf("fault and recovery of %s are not both in the log:\n%s", part, e.log)
				}
			}
			for _, metric := range lags {
				s.eventually(metric+" to be 0", func() bool { return e.metric(t, metric) == 0 })
			}
		})
	}
}

// A cut that is shorter than READY_REDIS_AWAY_MS shows in the parts, and does
// not take the process off its load balancer.
func TestFaultShortCutOfRedisStaysReady(t *testing.T) {
	s := newFaultSite(t, 1)
	e := s.start("--ready-redis-away-ms=86400000")
	s.redis.Stop()
	s.eventually("the parts to be degraded", func() bool { return e.all(t, "degraded", redisParts...) })
	if status, body := e.get(t, "/readyz"); status != 200 {
		t.Errorf("/readyz answers %d: %s", status, body)
	}
	s.redis.Start()
	s.eventually("all parts to be well again", func() bool { return e.all(t, "ok", allParts...) })
}

// Without its database a process goes on, and says of each part how it is. With
// the archive the database counts after ARCHIVE_READY_FAULT_MS, without it never.
func TestFaultDatabaseAwayIsTold(t *testing.T) {
	for _, c := range []struct {
		name, flag, database string
		status               int
	}{
		{"with the archive", "--archive-ready-fault-ms=1", "failed", 503},
		{"live only", "--no-archive", "degraded", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFaultSite(t, 1)
			e := s.start("--live-device-event-refresh-ms=100", c.flag)
			s.pg.Stop()
			defer s.pg.Start()
			s.eventually("the faults", func() bool { return e.all(t, c.database, "database") && e.all(t, "degraded", databaseParts[1:]...) })
			if status, body := e.get(t, "/readyz"); status != c.status {
				t.Errorf("/readyz answers %d: %s", status, body)
			}
			s.pg.Start()
			s.eventually("the recovery", func() bool { status, _ := e.parts(t); return status == 200 && e.all(t, "ok", databaseParts...) })
			for _, part := range databaseParts {
				if !e.logged("part has a fault", part) || !e.logged("part has recovered", part) {
					t.Errorf("fault and recovery of %s are not both in the log:\n%s", part, e.log)
				}
			}
		})
	}
}

// The live side cannot start without scripts, and says which right it is.
func TestFaultLiveStartWithoutScripts(t *testing.T) {
	s := newFaultSite(t, 1)
	s.redis.Do(documentedLogins(t)["pitwall-live"]...)
	s.redis.Do("ACL", "SETUSER", "pitwall-live", "-eval")
	s.redisURL = "redis://pitwall-live:secret@" + s.redis.Addr()
	e := s.launch("--no-archive", "--instance-id=one")
	s.eventually("it to end", func() bool {
		select {
		case <-e.done:
			return true
		default:
			return false
		}
	})
	if e.err == nil || !strings.Contains(e.err.Error(), "eval") {
		t.Errorf("it ended with %v", e.err)
	}
	if !strings.Contains(e.log.String(), "+eval ~pitwall:lease:one, +eval ~"+faultStream) {
		t.Errorf("the log does not name the rights:\n%s", e.log)
	}
}
