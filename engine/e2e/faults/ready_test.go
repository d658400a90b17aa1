package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// logged reports whether a change of a component was logged.
func logged(e *e2etest.Engine, text, part string) bool {
	return slices.ContainsFunc(e.Log.Find(text), func(l e2etest.Line) bool { return l.Attrs["part"] == part })
}

var (
	redisComponents    = []string{"redis", "lease", "feed " + e2etest.Stream}
	databaseComponents = []string{"database", "event map", "listen pitwall_roster"}
	allComponents      = slices.Concat(redisComponents, databaseComponents, []string{"rights of the feed", "rights of the archive", "corrections", "listen pitwall_positions",
		"archive " + e2etest.Stream, "dead letters " + e2etest.Stream})
)

// Redis is down, or stalls, for longer than allowed. The process is not ready
// and says why, and both lags grow. Everything recovers with Redis.
func TestReadinessWithoutRedis(t *testing.T) {
	for _, c := range []struct {
		name      string
		away, end func(*stack, *testenv.TCPProxy)
	}{
		{"gone", func(s *stack, _ *testenv.TCPProxy) { s.Redis.Stop() }, func(s *stack, _ *testenv.TCPProxy) { s.Redis.Start() }},
		{"silent", func(_ *stack, p *testenv.TCPProxy) { p.Stall() }, func(_ *stack, p *testenv.TCPProxy) { p.Resume() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, 1)
			proxy := s.ProxyRedis()
			e := s.Start("--ready-redis-away-ms=1")
			well := func() bool {
				status, _ := e.Components(t)
				return status == 200 && e.AllComponents(t, "ok", allComponents...)
			}
			s.Eventually("all parts to be well", well)

			c.away(s, proxy)
			s.Eventually("the parts to have failed", func() bool { return e.AllComponents(t, "failed", redisComponents...) })
			status, body := e.Get(t, "/readyz")
			if status != 503 || !strings.Contains(body, "redis: ping Redis") {
				t.Errorf("/readyz answers %d: %s", status, body)
			}
			lags := []string{"processor_live_stream_lag_ms", "processor_archive_lag_ms"}
			for _, metric := range lags {
				last := e.Metric(t, metric)
				s.Eventually(metric+" to grow", func() bool { return e.Metric(t, metric) > last })
			}

			c.end(s, proxy)
			s.Eventually("all parts to be well again", well)
			for _, part := range append(redisComponents, "archive "+e2etest.Stream) {
				if !logged(e, "part has a fault", part) || !logged(e, "part has recovered", part) {
					t.Errorf("fault and recovery of %s are not both in the log:\n%s", part, e.Log)
				}
			}
			for _, metric := range lags {
				s.Eventually(metric+" to be 0", func() bool { return e.Metric(t, metric) == 0 })
			}
		})
	}
}

// An outage that is shorter than READY_REDIS_AWAY_MS shows in the components,
// and the process stays ready.
func TestReadinessAfterAShortRedisOutage(t *testing.T) {
	s := newStack(t, 1)
	e := s.Start("--ready-redis-away-ms=86400000")
	s.Redis.Stop()
	s.Eventually("the parts to be degraded", func() bool { return e.AllComponents(t, "degraded", redisComponents...) })
	if status, body := e.Get(t, "/readyz"); status != 200 {
		t.Errorf("/readyz answers %d: %s", status, body)
	}
	s.Redis.Start()
	s.Eventually("all parts to be well again", func() bool { return e.AllComponents(t, "ok", allComponents...) })
}

// Without its database a process goes on, and reports the state of each
// component. With the archive the database counts after ARCHIVE_READY_FAULT_MS,
// without it never.
func TestReadinessWithoutDatabase(t *testing.T) {
	cases := []struct {
		name, flag, database string
		status               int
	}{
		{"with the archive", "--archive-ready-fault-ms=1", "failed", 503},
		{"live only", "--no-archive", "degraded", 200},
	}
	s := newStack(t, 1)
	var engines []*e2etest.Engine // by case
	for i, c := range cases {
		engines = append(engines, s.Start("--live-device-event-refresh-ms=100", fmt.Sprintf("--instance-id=%d", i), c.flag))
	}
	s.PG.Stop() // the same outage for both
	for i, c := range cases {
		e := engines[i]
		s.Eventually("the faults "+c.name, func() bool {
			return e.AllComponents(t, c.database, "database") && e.AllComponents(t, "degraded", databaseComponents[1:]...)
		})
		if status, body := e.Get(t, "/readyz"); status != c.status {
			t.Errorf("%s: /readyz answers %d: %s", c.name, status, body)
		}
	}
	s.PG.Start()
	for i, c := range cases {
		e := engines[i]
		s.Eventually("the recovery "+c.name, func() bool {
			status, _ := e.Components(t)
			return status == 200 && e.AllComponents(t, "ok", databaseComponents...)
		})
		for _, part := range databaseComponents {
			if !logged(e, "part has a fault", part) || !logged(e, "part has recovered", part) {
				t.Errorf("%s: fault and recovery of %s are not both in the log:\n%s", c.name, part, e.Log)
			}
		}
	}
}

// The live part cannot start without scripts, and says which right is missing.
func TestLiveStartWithoutScripts(t *testing.T) {
	s := newStack(t, 1)
	s.Redis.Do(documentedLogins(t)["pitwall-live"]...)
	s.Redis.Do("ACL", "SETUSER", "pitwall-live", "-eval")
	s.RedisURL = "redis://pitwall-live:secret@" + s.Redis.Addr()
	e := s.Launch("--no-archive", "--instance-id=one")
	if err := e.AwaitEnd(); err == nil || !strings.Contains(err.Error(), "eval") {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(e.Log.String(), "+eval ~pitwall:lease:one, +eval ~"+e2etest.Stream) {
		t.Errorf("the log does not name the rights:\n%s", e.Log)
	}
}
