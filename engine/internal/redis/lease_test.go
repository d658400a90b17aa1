package redis

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/engine/internal/testenv"
)

func TestLease(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		step := func(what string, got bool, err error, want bool) {
			t.Helper()
			if err != nil || got != want {
				t.Errorf("%s: %v, %v, want %v", what, got, err, want)
			}
		}
		exists := func(what string, want bool) {
			t.Helper()
			got, err := c.Exists(ctx, "k")
			step(what, got, err, want)
		}
		exists("before", false)
		got, err := c.TakeLease(ctx, "k", "one", time.Minute)
		step("take a free lease", got, err, true)
		exists("after", true)
		got, err = c.TakeLease(ctx, "k", "two", time.Minute)
		step("take another's lease", got, err, false)
		got, err = c.TakeLease(ctx, "k", "one", time.Minute)
		step("renew", got, err, true)
		got, err = c.DropLease(ctx, "k", "two")
		step("drop another's lease", got, err, false)
		exists("after that", true)
		got, err = c.DropLease(ctx, "k", "one")
		step("drop one's own lease", got, err, true)
		got, err = c.DropLease(ctx, "k", "one")
		step("drop it again", got, err, false)
		got, err = c.TakeLease(ctx, "k", "two", time.Minute)
		step("take it after it was dropped", got, err, true)
	})
}

func TestLeaseExpires(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		if !must(c.TakeLease(t.Context(), "k", "one", 300*time.Millisecond))(t) {
			t.Fatal("lease not taken")
		}
		begin := time.Now()
		testenv.Eventually(t, 10*time.Second, "the lease to expire", func() bool {
			return must(c.TakeLease(t.Context(), "k", "two", time.Minute))(t)
		})
		if d := time.Since(begin); d < 250*time.Millisecond {
			t.Errorf("it expired after %v", d)
		}
	})
}

func TestHash(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		check := func(when string, want map[string]string) {
			t.Helper()
			if d := cmp.Diff(want, must(c.Hash(ctx, "h"))(t)); d != "" {
				t.Errorf("%s (-want +got):\n%s", when, d)
			}
		}
		check("no hash", map[string]string{})
		for _, kv := range [][2]string{{"a", "1"}, {"b", "2"}, {"a", "3"}} {
			if err := c.HashSet(ctx, "h", kv[0], kv[1]); err != nil {
				t.Fatal(err)
			}
		}
		check("two fields", map[string]string{"a": "3", "b": "2"})
		for _, f := range []string{"a", "nosuch"} {
			if err := c.HashDelete(ctx, "h", f); err != nil {
				t.Fatal(err)
			}
		}
		check("one deleted", map[string]string{"b": "2"})
	})
}
