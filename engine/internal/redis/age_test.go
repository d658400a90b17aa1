package redis

import (
	"testing"
	"time"
)

func TestWaiting(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		waiting := func(what string, after ID) time.Duration {
			t.Helper()
			d, err := c.Waiting(ctx, "s", after)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			return d
		}
		if d := waiting("no stream", ID{}); d != 0 {
			t.Errorf("no stream: %v, want 0", d)
		}
		raw(t, c, "XADD", "s", "5000-0", "a", "1")
		raw(t, c, "XADD", "s", "7000-3", "a", "1")
		first, second := waiting("all", ID{}), waiting("after the first", ID{Ms: 5000})
		if first < 40*365*24*time.Hour || first-second > 2*time.Second || first <= second-time.Minute {
			t.Errorf("the first has waited for %v, the second for %v", first, second)
		}
		if d := waiting("after the last", ID{Ms: 7000, Seq: 3}); d != 0 {
			t.Errorf("after the last entry: %v, want 0", d)
		}
		raw(t, c, "XADD", "s", "99999999999999-0", "a", "1") // by a clock that is ahead
		if d := waiting("the future", ID{Ms: 7000, Seq: 3}); d != time.Millisecond {
			t.Errorf("an entry from the future has waited for %v, want 1 ms", d)
		}
		if d, err := c.Age(ctx, "s", ID{Ms: 5000}); err != nil || d < first || d > first+time.Hour {
			t.Errorf("age %v, %v, but it has waited for %v", d, err, first)
		}
		raw(t, c, "SET", "plain", "v")
		if _, err := c.Waiting(ctx, "plain", ID{}); !IsRefused(err) {
			t.Errorf("a key of another type: %v", err)
		}
	})
}
