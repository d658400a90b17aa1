package redis

import (
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

func TestConnectionSlots(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		take := func(member string, want bool) {
			t.Helper()
			if got, err := c.TakeConnectionSlot(ctx, "k", member, 2, time.Minute); err != nil || got != want {
				t.Errorf("take a slot for %s: %v, %v, want %v", member, got, err, want)
			}
		}
		take("a", true)
		take("b", true)
		take("c", false)
		if err := c.ReleaseConnectionSlots(ctx, "k", []string{"a", "nosuch"}); err != nil {
			t.Error(err)
		}
		take("c", true)
		take("a", false)
		// A renewal restores a lost slot even beyond the limit, because its
		// connection exists.
		if err := c.RenewConnectionSlots(ctx, "k", []string{"a", "b", "c"}, time.Minute); err != nil {
			t.Error(err)
		}
		if err := c.ReleaseConnectionSlots(ctx, "k", []string{"b"}); err != nil {
			t.Error(err)
		}
		take("d", false)
		if err := c.RenewConnectionSlots(ctx, "k", nil, time.Minute); err != nil {
			t.Error(err)
		}
		if err := c.ReleaseConnectionSlots(ctx, "k", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestConnectionSlotsExpire(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		if !must(c.TakeConnectionSlot(ctx, "k", "dead", 1, 200*time.Millisecond))(t) {
			t.Fatal("no slot")
		}
		testenv.Eventually(t, 20*time.Second, "the slot of a dead instance to expire", func() bool {
			return must(c.TakeConnectionSlot(ctx, "k", "next", 1, time.Minute))(t)
		})
		if must(c.TakeConnectionSlot(ctx, "k", "third", 1, time.Minute))(t) {
			t.Error("a taken slot was given to another member")
		}
	})
}
