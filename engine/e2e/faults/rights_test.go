package faults

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
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/feed"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// documentedLogins returns the ACL SETUSER lines of the documentation, split into words,
// by user.
func documentedLogins(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../ops/README.md")
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

// rightsModes are the modes of a process, by the documented login.
var rightsModes = map[string]struct {
	live, archive bool
	flags         []string
}{
	"pitwall-live":    {true, false, []string{"--no-archive"}},
	"pitwall-archive": {false, true, []string{"--no-live"}},
	"pitwall":         {true, true, nil},
}

// neededRights are the rights that a mode checks, by command.
func neededRights(t *testing.T, c *redis.Client, live, durable bool) (list []redis.Right) {
	t.Helper()
	streams, log, set := []string{e2etest.Stream}, slog.New(slog.DiscardHandler), metrics.NewSet()
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

// The documented rights are those that a start checks, no more and no less.
func TestDocumentedRightsAreThoseChecked(t *testing.T) {
	s := testenv.Redis(t)
	c, err := redis.Open(t.Context(), redis.Options{URL: s.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	logins := documentedLogins(t)
	for user, mode := range rightsModes {
		wantDocumented(t, logins[user], neededRights(t, c, mode.live, mode.archive))
	}
}

// wantDocumented compares the rights that a start checks with those of a documented
// login.
func wantDocumented(t *testing.T, login []string, rights []redis.Right) {
	t.Helper()
	checked, documented := map[string]bool{}, map[string]bool{}
	for _, r := range rights {
		checked["+"+r.Command] = true
	}
	for _, word := range login {
		if strings.HasPrefix(word, "+") {
			documented[word] = true
		}
	}
	if !maps.Equal(checked, documented) {
		t.Errorf("%q:\nchecked    %v\ndocumented %v", login, slices.Sorted(maps.Keys(checked)), slices.Sorted(maps.Keys(documented)))
	}
}

// wantAllRights waits until no component has a fault, and looks for missing rights in
// the log.
func (s *stack) wantAllRights(e *e2etest.Engine) {
	s.T.Helper()
	s.Eventually("every component to be well", func() bool { return e.Well(s.T) })
	if log := e.Log.String(); strings.Contains(log, "NOPERM") || strings.Contains(log, "not all rights") {
		s.T.Errorf("the log names a right that is missing:\n%s", log)
	}
}

// With exactly the documented rights each mode works completely: 1,000 records
// and a dead letter arrive where they belong, and no component has a fault.
func TestLeastRights(t *testing.T) {
	const devices = 1000
	logins := documentedLogins(t)
	for user, mode := range rightsModes {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, devices)
			s.Redis.Do(logins[user]...)
			s.RedisURL = "redis://" + user + ":secret@" + s.Redis.Addr()
			e := s.Start(append(mode.flags, "--instance-id=one")...)
			var screen *e2etest.Screen
			if mode.live {
				screen = s.Watch(e.HTTP, "spectator", "", "")
			}
			load := s.load(s.Redis.URL(), devices)
			load.more(s, devices)
			load.stop()
			s.Add("device_id", invalidDevice, "lat", "none")
			if mode.live {
				s.WantScreens(load.newest(), screen)
				s.Eventually("the bad record to be refused", func() bool { return e.Metric(t, "processor_live_decode_errors_total") == 1 })
			}
			if mode.archive {
				s.wantTable(load.names())
				s.Eventually("the dead letter", func() bool { return s.Redis.Do("XLEN", e2etest.Stream+":dead") == int64(1) })
				s.Eventually("nothing to pend", func() bool { return !s.Pending() })
			}
			s.wantAllRights(e)
		})
	}
}

// With a login that lacks one right, a process starts where it can, is not
// ready, and names the missing right in the log and in the answer. Once the
// right is given, everything goes on.
func TestMissingRight(t *testing.T) {
	cases := []struct{ name, take, give, want string }{
		{"scripts", "-eval", "+eval", "+eval ~" + e2etest.Stream},
		{"transactions", "-multi", "+multi", "+multi"},
		{"reading", "-xreadgroup", "+xreadgroup", "+xreadgroup ~" + e2etest.Stream},
		{"the dead letters", "resetkeys", "~" + e2etest.Stream + ":dead", "+xadd ~" + e2etest.Stream + ":dead"},
	}
	const user = "pitwall-archive"
	// All at once: each waits for the next look at the rights.
	var stacks []*stack
	var engines []*e2etest.Engine
	for _, c := range cases {
		s := newStack(t, 1)
		s.Redis.Do(documentedLogins(t)[user]...)
		s.Redis.Do("ACL", "SETUSER", user, c.take, "~"+e2etest.Stream)
		s.RedisURL = "redis://" + user + ":secret@" + s.Redis.Addr()
		stacks, engines = append(stacks, s), append(engines, s.Start("--no-live"))
	}
	for i, c := range cases {
		s, e := stacks[i], engines[i]
		s.Eventually("/readyz to name "+c.want+", for "+c.name, func() bool {
			status, body := e.Get(t, "/readyz")
			return status == 503 && strings.Contains(body, c.want)
		})
		s.Eventually("the log to name "+c.want+", for "+c.name, func() bool {
			return slices.ContainsFunc(e.Log.Find("part has a fault"), func(l e2etest.Line) bool { return strings.Contains(l.Attrs["reason"], c.want) })
		})
		s.Add("device_id", e2etest.Device(0), "lat", "47.5", "lon", "8.5")
		s.Redis.Do("ACL", "SETUSER", user, c.give)
	}
	for i, c := range cases {
		s := stacks[i]
		s.Eventually("the row of "+c.name, func() bool { return s.Number("SELECT count(*) FROM positions") == 1 })
		s.wantReady(engines[i].Addrs)
	}
}
