package feed

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// groups returns which of the instances have a group on the stream.
func (b *bench) groups(stream string, instances ...string) (existing []string) {
	b.t.Helper()
	for _, id := range instances {
		_, ok, err := b.client.GroupLastDelivered(b.t.Context(), stream, GroupName(id))
		if err != nil {
			b.t.Fatal(err)
		}
		if ok {
			existing = append(existing, id)
		}
	}
	return existing
}

func TestCloseDestroysTheEphemeralGroup(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(func(o *Options) { o.Ephemeral = true; o.Streams = []string{"s", "t"} })
		stop := b.start(f)
		if got := b.groups("t", "one"); len(got) != 1 {
			t.Fatal("no group")
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := f.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := append(b.groups("s", "one"), b.groups("t", "one")...); len(got) != 0 {
			t.Errorf("groups left on %d streams", len(got))
		}
		if h, err := b.client.Hash(t.Context(), b.client.ColocatedKey("s", registryKey)); err != nil || len(h) != 0 {
			t.Errorf("left in the registry: %v, %v", h, err)
		}
	})
}

func TestGroupOfAConfiguredInstanceIDIsKept(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(nil)
		if err := b.start(f)(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.groups("s", "one"); len(got) != 1 {
			t.Error("the group is gone")
		}
		if h, err := b.client.Hash(t.Context(), b.client.ColocatedKey("s", registryKey)); err != nil || len(h) != 0 {
			t.Errorf("the registry has %v, want nothing: %v", h, err)
		}
	})
}

func TestReapDestroysOnlyGroupsOfDeadProcesses(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		now, err := b.client.Time(ctx, "s")
		if err != nil {
			t.Fatal(err)
		}
		all := []string{"dead", "silent-but-leased", "seen-recently", "not-registered", "one"}
		for _, id := range all {
			f := b.feed(func(o *Options) { o.InstanceID = id; o.Ephemeral = true })
			if err := f.CreateGroups(ctx); err != nil {
				t.Fatal(err)
			}
		}
		longAgo := registryValue(now.Add(-time.Hour), []string{"s", "nosuch"})
		for id, v := range map[string]string{
			"dead": longAgo, "silent-but-leased": longAgo, "one": longAgo,
			"seen-recently": registryValue(now.Add(-time.Minute), []string{"s"}),
			"unreadable":    "x,s",
		} {
			if err := b.client.HashSet(ctx, b.client.ColocatedKey("s", registryKey), id, v); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.client.HashDelete(ctx, b.client.ColocatedKey("s", registryKey), "not-registered"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.client.TakeLease(ctx, b.client.ColocatedKey("s", leaseKey("silent-but-leased")), "t", time.Minute); err != nil {
			t.Fatal(err)
		}
		f := b.feed(func(o *Options) { o.Ephemeral = true })
		for range 2 { // a second time changes nothing
			if err := f.keySets[0].reap(ctx, f.opt.ReapAfter); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"silent-but-leased", "seen-recently", "not-registered", "one"}
		if d := cmp.Diff(want, b.groups("s", all...)); d != "" {
			t.Errorf("groups left (-want +got):\n%s", d)
		}
		h, err := b.client.Hash(ctx, b.client.ColocatedKey("s", registryKey))
		if err != nil || len(h) != 3 || h["dead"] != "" || h["unreadable"] != "" {
			t.Errorf("registry: %v, %v", h, err)
		}
	})
}

func TestRunningFeedReapsAndStaysRegistered(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		dead := b.feed(func(o *Options) { o.InstanceID = "dead"; o.Ephemeral = true })
		if err := dead.CreateGroups(t.Context()); err != nil {
			t.Fatal(err)
		}
		f := b.feed(func(o *Options) { o.Ephemeral = true; o.ReapAfter = 300 * time.Millisecond })
		b.start(f)
		first, err := b.client.Hash(t.Context(), b.client.ColocatedKey("s", registryKey))
		if err != nil {
			t.Fatal(err)
		}
		b.eventually("the group of the dead process to be destroyed", func() bool { return len(b.groups("s", "dead")) == 0 })
		b.eventually("the live process to be registered again", func() bool {
			h, err := b.client.Hash(t.Context(), b.client.ColocatedKey("s", registryKey))
			return err == nil && h["one"] > first["one"] && h["dead"] == ""
		})
		if got := b.groups("s", "one"); len(got) != 1 {
			t.Error("the group of the live process was destroyed")
		}
	})
}

func TestRegistryValue(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	for _, streams := range [][]string{nil, {"s"}, {"telemetry:t", "telemetry:u"}} {
		seen, got := parseRegistryValue(registryValue(at, streams))
		if !seen.Equal(at) || len(got) != len(streams) || strings.Join(got, ",") != strings.Join(streams, ",") {
			t.Errorf("%q reads back as %v, %q", registryValue(at, streams), seen, got)
		}
	}
	for _, v := range []string{"", "x", "x,s", ",s"} {
		if seen, streams := parseRegistryValue(v); seen.UnixMilli() != 0 || len(streams) != 0 {
			t.Errorf("%q reads as %v, %q", v, seen, streams)
		}
	}
}

func TestInstanceID(t *testing.T) {
	for _, tt := range []struct{ name, host, want string }{
		{"plain", "web-1.example.org", "web-1.example.org-"},
		{"other characters", "büro pc\n", "b-ro-pc--"},
		{"long", strings.Repeat("h", 100), strings.Repeat("h", 40) + "-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := instanceID(tt.host), instanceID(tt.host)
			if !strings.HasPrefix(a, tt.want) || len(a) != len(tt.want)+8 || a == b {
				t.Errorf("%s, %s", a, b)
			}
		})
	}
	if id := NewInstanceID(); len(id) < 10 || strings.ContainsAny(id, " ,{}*") {
		t.Errorf("NewInstanceID() = %q", id)
	}
	if got := GroupName("x"); got != fmt.Sprint("live-broadcast-", "x") {
		t.Errorf("group %q", got)
	}
}
