package redis

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestState(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, on target) {
		ctx := t.Context()
		check := func(when string, want StreamState) {
			t.Helper()
			if !on.real { // the embedded server reports no numbers
				want.Added, want.Read = Unknown, Unknown
			}
			if d := cmp.Diff(want, must(c.State(ctx, "s", "g"))(t)); d != "" {
				t.Errorf("%s (-want +got):\n%s", when, d)
			}
		}
		check("without a stream", StreamState{Added: Unknown, Read: Unknown})
		addID(t, c, "s", "1-0", "n", "1")
		check("without a group", StreamState{Length: 1, First: ID{Ms: 1}, Last: ID{Ms: 1}, Added: 1, Read: Unknown})
		raw(t, c, "DEL", "s")

		filled(t, c)
		must(readOnce(ctx, c, ReadOptions{Stream: "s", Group: "g", Consumer: "c", From: ">", Count: 3}))(t)
		want := StreamState{Length: 5, First: ID{Ms: 1}, Last: ID{Ms: 5}, Added: 5,
			Group: true, Delivered: ID{Ms: 3}, Read: 3, Pending: Pending{3, ID{Ms: 1}, ID{Ms: 3}}}
		check("after a read of three", want)

		must(c.Ack(ctx, "s", "g", []ID{{Ms: 1}, {Ms: 2}, {Ms: 3}}))(t)
		raw(t, c, "XTRIM", "s", "MAXLEN", "=", "1")
		want.Length, want.First, want.Pending = 1, ID{Ms: 5}, Pending{}
		check("after trimming past the group", want)

		raw(t, c, "XTRIM", "s", "MAXLEN", "=", "0")
		want.Length, want.First = 0, ID{}
		check("empty", want)
	})
}
