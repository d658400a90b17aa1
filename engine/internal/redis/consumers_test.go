package redis

import (
	"slices"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// consumers lists the consumers of group "g" on stream "s".
func consumers(t *testing.T, c *Client) []string {
	t.Helper()
	m, err := c.run(t.Context(), "test", onKey{"s"}, "XINFO", "CONSUMERS", "s", "g")
	if err != nil {
		t.Fatal(err)
	}
	list := must(m.ToArray())(t)
	names := []string{}
	for i := range list {
		names = append(names, messageString(must(list[i].AsMap())(t)["name"]))
	}
	slices.Sort(names)
	return names
}

func TestRemoveIdleConsumers(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, on target) {
		ctx := t.Context()
		filled(t, c)
		for _, name := range []string{"pending", "idle"} {
			o := ReadOptions{Stream: "s", Group: "g", Consumer: name, From: ">", Count: 1}
			if got := must(readOnce(ctx, c, o))(t); name == "idle" {
				must(c.Ack(ctx, "s", "g", []ID{got[0].ID}))(t)
			}
		}
		if n := must(c.RemoveIdleConsumers(ctx, "s", "g", time.Hour))(t); n != 0 {
			t.Errorf("removed %d consumers that have just read", n)
		}
		if !on.real {
			return // it reports no idle times
		}
		var removed int64
		testenv.Eventually(t, 20*time.Second, "a consumer to be idle for 5 ms", func() bool {
			removed += must(c.RemoveIdleConsumers(ctx, "s", "g", 5*time.Millisecond))(t)
			return removed > 0
		})
		if got := consumers(t, c); removed != 1 || !slices.Equal(got, []string{"pending"}) {
			t.Errorf("removed %d, left are %q; want 1 removed, and the one with a pending entry left", removed, got)
		}
		if p := must(c.PendingSummary(ctx, "s", "g"))(t); p.Count != 1 {
			t.Errorf("%d pending entries, want 1", p.Count)
		}
		if _, err := c.RemoveIdleConsumers(ctx, "nosuch", "g", time.Hour); !IsNoGroup(err) {
			t.Errorf("without a stream: %v, want no group", err)
		}
	})
}
