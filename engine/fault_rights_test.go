package engine_test

import (
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/archive"
	"pitwall/engine/feed"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// documentedLogins are the words of the lines ACL SETUSER in the documentation,
// by user.
func documentedLogins(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("ops/README.md")
	if err != nil {
		t.Fatal(err)
	}
	logins := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); strings.HasPrefix(line, "ACL SETUSER ") {
			logins[words[2]] = words
		}
	}
	return logins
}

// rightsModes are the modes of a process, by the login that is documented.
var rightsModes = map[string]struct {
	live, archive bool
	flags         []string
}{
	"pitwall-live":    {true, false, []string{"--no-archive"}},
	"pitwall-archive": {false, true, []string{"--no-live"}},
	"pitwall":         {true, true, nil},
}

// neededRights are those that a mode looks for, by command.
func neededRights(t *testing.T, c *redis.Client, live, durable bool) (list []redis.Right) {
	t.Helper()
	streams, log, set := []string{faultStream}, slog.New(slog.DiscardHandler), metrics.NewSet()
	if live {
		core, err := shard.New(shard.Config{Shards: 1, Writers: 1, RingBytes: 1 << 20, RingSlots: 64})
		if err != nil {
			t.Fatal(err)
		}
		f := feed.New(feed.Options{Client: c, Streams: streams, Sink: core, Limits: codec.DefaultLimits(), Logger: log, Metrics: set, InstanceID: "one"})
		list = append(append(list, f.Rights()...), f.Wishes()...)
	}
	if durable {
		a := archive.New(archive.Options{Client: c, Streams: streams, Consumer: "one", Limits: codec.DefaultLimits(), Logger: log, Metrics: set})
		list = append(list, a.Rights()...)
	}
	return list
}

// The documented rights are those that a start looks for, no more and no less.
func TestDocumentedRightsAreThoseThatAreLookedFor(t *testing.T) {
	s := testenv.Redis(t)
	c, err := redis.Open(t.Context(), redis.Options{URL: s.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	logins := documentedLogins(t)
	for user, mode := range rightsModes {
		needed := map[string]bool{}
		for _, r := range neededRights(t, c, mode.live, mode.archive) {
			needed["+"+r.Command] = true
		}
		documented := map[string]bool{}
		for _, word := range logins[user] {
			if strings.HasPrefix(word, "+") {
				documented[word] = true
			}
		}
		if !maps.Equal(needed, documented) {
			t.Errorf("%s:\nlooked for %v\ndocumented %v", user, slices.Sorted(maps.Keys(needed)), slices.Sorted(maps.Keys(documented)))
		}
	}
}

// With exactly the documented rights each mode does all that it does: 1,000
// records and a dead letter go where they belong, and no part has a fault.
func TestFaultLeastRights(t *testing.T) {
	const devices = 1000
	logins := documentedLogins(t)
	for user, mode := range rightsModes {
		t.Run(user, func(t *testing.T) {
			s := newFaultSite(t, devices)
			s.redis.Do(logins[user]...)
			s.redisURL = "redis://" + user + ":secret@" + s.redis.Addr()
			e := s.start(append(mode.flags, "--instance-id=one")...)
			var screen *faultScreen
			if mode.live {
				screen = s.watch(e.http, "spectator", "", "")
			}
			load := s.load(s.redis.URL(), devices)
			load.more(s, devices)
			load.stop()
			s.add("device_id", "d-bad", "lat", "none")
			if mode.live {
				s.wantScreens(load.newest(), screen)
				s.eventually("the bad record to be refused", func() bool { return e.metric(t, "processor_live_decode_errors_total") == 1 })
			}
			if mode.archive {
				s.wantTable(load.names())
				s.eventually("the dead letter", func() bool { return s.redis.Do("XLEN", faultStream+":dead") == int64(1) })
				s.eventually("nothing to pend", func() bool { return s.pending() == 0 })
			}
			status, parts := e.get(t, "/readyz?verbose")
			if status != 200 || strings.Contains(parts, "degraded") || strings.Contains(parts, "failed") {
				t.Errorf("%d\n%s", status, parts)
			}
			if log := e.log.String(); strings.Contains(log, "NOPERM") || strings.Contains(log, "not all rights") {
				t.Errorf("the log names a right that is missing:\n%s", log)
			}
			if err := e.stop(); err != nil {
				t.Errorf("stopping: %v", err)
			}
		})
	}
}

// A login without one of the rights starts all the same where it can, is not
// ready at once, and the missing right is named, in the log and in the answer.
// Once it is given, everything goes on.
func TestFaultMissingRight(t *testing.T) {
	for _, c := range []struct{ name, take, give, want string }{
		{"scripts", "-eval", "+eval", "+eval ~" + faultStream},
		{"transactions", "-multi", "+multi", "+multi"},
		{"reading", "-xreadgroup", "+xreadgroup", "+xreadgroup ~" + faultStream},
		{"the dead letters", "resetkeys", "~" + faultStream + ":dead", "+xadd ~" + faultStream + ":dead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFaultSite(t, 1)
			user := "pitwall-archive"
			s.redis.Do(documentedLogins(t)[user]...)
			s.redis.Do("ACL", "SETUSER", user, c.take, "~"+faultStream)
			s.redisURL = "redis://" + user + ":secret@" + s.redis.Addr()
			e := s.start("--no-live")
			status, body := e.get(t, "/readyz")
			if status != 503 || !strings.Contains(body, c.want) {
				t.Errorf("%d %s, want %s", status, body, c.want)
			}
			named := slices.ContainsFunc(e.log.find("part has a fault"), func(l faultLine) bool { return strings.Contains(l.attrs["reason"], c.want) })
			if !named {
				t.Errorf("the log does not name %s:\n%s", c.want, e.log)
			}
			s.add("device_id", faultDevice(0), "lat", "47.5", "lon", "8.5")
			s.redis.Do("ACL", "SETUSER", user, c.give)
			s.eventually("the row", func() bool { return s.number("SELECT count(*) FROM positions") == 1 })
			s.eventually("readiness", func() bool { status, _ := e.get(t, "/readyz"); return status == 200 })
			if err := e.stop(); err != nil {
				t.Errorf("stopping: %v", err)
			}
		})
	}
}
