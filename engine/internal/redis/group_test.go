package redis

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// filled adds the entries 1-0 … 5-0 to stream "s" and creates group "g" at 0.
func filled(t *testing.T, c *Client) {
	t.Helper()
	for _, id := range []string{"1-0", "2-0", "3-0", "4-0", "5-0"} {
		addID(t, c, "s", id, "n", id)
	}
	must(c.CreateGroup(t.Context(), "s", "g", ID{}))(t)
}

func TestCreateAndDestroyGroup(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		if !must(c.CreateGroup(ctx, "s", "g", ID{}))(t) {
			t.Error("the first group was not created")
		}
		if must(c.CreateGroup(ctx, "s", "g", ID{Ms: 9}))(t) {
			t.Error("a group was created twice")
		}
		if last, ok, err := c.GroupLastDelivered(ctx, "s", "g"); err != nil || !ok || !last.IsZero() {
			t.Errorf("the second call moved the group: %v, %v, %v", last, ok, err)
		}
		if !must(c.DestroyGroup(ctx, "s", "g"))(t) {
			t.Error("the group was not destroyed")
		}
		if must(c.DestroyGroup(ctx, "s", "g"))(t) || must(c.DestroyGroup(ctx, "nosuch", "g"))(t) {
			t.Error("a group that does not exist was destroyed")
		}
	})
}

func TestCreateGroupAtAnID(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		filled(t, c)
		must(c.CreateGroup(t.Context(), "s", "tail", ID{Ms: 3}))(t)
		got := must(readOnce(t.Context(), c, ReadOptions{Stream: "s", Group: "tail", Consumer: "c", From: ">", Count: 10}))(t)
		if d := cmp.Diff([]string{"4-0", "5-0"}, ids(got)); d != "" {
			t.Errorf("entries after 3-0 (-want +got):\n%s", d)
		}
	})
}

func TestSetGroupIDGoesBackAndForth(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		filled(t, c)
		o := ReadOptions{Stream: "s", Group: "g", Consumer: "c", From: ">", Count: 10, NoAck: true}
		if n := len(must(readOnce(ctx, c, o))(t)); n != 5 {
			t.Fatalf("first read gives %d entries, want 5", n)
		}
		for _, step := range []struct {
			at   ID
			want []string
		}{
			{ID{Ms: 3}, []string{"4-0", "5-0"}},
			{ID{}, []string{"1-0", "2-0", "3-0", "4-0", "5-0"}},
			{ID{Ms: 5}, []string{}},
		} {
			if err := c.SetGroupID(ctx, "s", "g", step.at); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(step.want, ids(must(readOnce(ctx, c, o))(t))); d != "" {
				t.Errorf("group at %v (-want +got):\n%s", step.at, d)
			}
		}
	})
}

func TestSetGroupIDWithoutGroup(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, on target) {
		if !on.real {
			// Without XGROUP SETID the group is created again: that it did not exist is no error.
			if err := c.SetGroupID(t.Context(), "s", "g", ID{Ms: 1}); err != nil {
				t.Fatal(err)
			}
			last, ok, err := c.GroupLastDelivered(t.Context(), "s", "g")
			if err != nil || !ok || last != (ID{Ms: 1}) {
				t.Errorf("group at %v (exists %v, %v), want 1-0", last, ok, err)
			}
			return
		}
		if err := c.SetGroupID(t.Context(), "s", "g", ID{}); !IsNoGroup(err) {
			t.Errorf("without a stream: %v, want no group", err)
		}
		must(c.Add(t.Context(), "s", 0, "a", "1"))(t)
		if err := c.SetGroupID(t.Context(), "s", "g", ID{}); !IsNoGroup(err) {
			t.Errorf("without a group: %v, want no group", err)
		}
	})
}

func TestPendingLastDeliveredAndAck(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		filled(t, c)
		check := func(when string, want Pending, delivered ID) {
			t.Helper()
			if got := must(c.PendingSummary(ctx, "s", "g"))(t); got != want {
				t.Errorf("%s: pending %+v, want %+v", when, got, want)
			}
			last, ok, err := c.GroupLastDelivered(ctx, "s", "g")
			if err != nil || !ok || last != delivered {
				t.Errorf("%s: last delivered %v (exists %v, %v), want %v", when, last, ok, err, delivered)
			}
		}
		check("before any read", Pending{}, ID{})
		o := ReadOptions{Stream: "s", Group: "g", Consumer: "c", From: ">", Count: 4}
		must(readOnce(ctx, c, o))(t)
		check("after a read of four", Pending{4, ID{Ms: 1}, ID{Ms: 4}}, ID{Ms: 4})
		if n := must(c.Ack(ctx, "s", "g", []ID{{Ms: 1}, {Ms: 2}, {Ms: 77}}))(t); n != 2 {
			t.Errorf("acknowledged %d, want 2", n)
		}
		check("after two acknowledged", Pending{2, ID{Ms: 3}, ID{Ms: 4}}, ID{Ms: 4})
		if n := must(c.Ack(ctx, "s", "nosuch", []ID{{Ms: 1}}))(t); n != 0 {
			t.Errorf("acknowledged %d to a group that does not exist", n)
		}
	})
}

func TestAckInBatches(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		records := make([][]string, 2345)
		for i := range records {
			records[i] = []string{"a", "1"}
		}
		if err := c.AddAll(ctx, "s", 0, records); err != nil {
			t.Fatal(err)
		}
		must(c.CreateGroup(ctx, "s", "g", ID{}))(t)
		got := must(readOnce(ctx, c, ReadOptions{Stream: "s", Group: "g", Consumer: "c", From: ">", Count: 5000}))(t)
		all := make([]ID, len(got))
		for i := range got {
			all[i] = got[i].ID
		}
		if n := must(c.Ack(ctx, "s", "g", all))(t); n != int64(len(records)) {
			t.Errorf("acknowledged %d, want %d", n, len(records))
		}
		if p := must(c.PendingSummary(ctx, "s", "g"))(t); p.Count != 0 {
			t.Errorf("%d entries still pending", p.Count)
		}
	})
}

func TestMissingGroup(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		for _, stream := range []string{"nosuch", "s"} {
			if _, err := c.PendingSummary(ctx, stream, "g"); !IsNoGroup(err) || IsConnection(err) {
				t.Errorf("pending entries on %s: %v, want no group", stream, err)
			}
			if _, ok, err := c.GroupLastDelivered(ctx, stream, "g"); ok || err != nil {
				t.Errorf("last delivered on %s: exists %v, %v", stream, ok, err)
			}
			_, _, _, err := c.Claim(ctx, ClaimOptions{Stream: stream, Group: "g", Consumer: "c", Count: 1}, nil)
			if !IsNoGroup(err) {
				t.Errorf("claim on %s: %v, want no group", stream, err)
			}
			_, err = readOnce(ctx, c, ReadOptions{Stream: stream, Group: "g", Consumer: "c", From: ">", Count: 1, Block: time.Second})
			if !IsNoGroup(err) || IsConnection(err) {
				t.Errorf("read on %s: %v, want no group", stream, err)
			}
			must(c.Add(ctx, "s", 0, "a", "1"))(t)
		}
	})
}

func TestClaim(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, on target) {
		ctx := t.Context()
		filled(t, c)
		must(readOnce(ctx, c, ReadOptions{Stream: "s", Group: "g", Consumer: "dead", From: ">", Count: 5}))(t)
		raw(t, c, "XDEL", "s", "2-0")

		o := ClaimOptions{Stream: "s", Group: "g", Consumer: "other", MinIdle: time.Hour, Count: 2}
		got, next, deleted, err := c.Claim(ctx, o, nil)
		if err != nil || len(got) != 0 {
			t.Errorf("entries that are not idle: %v, next %v, %v", ids(got), next, err)
		}
		o.MinIdle = 0
		var claimed, gone []string
		for _, id := range deleted { // Redis removes them whatever their idle time
			gone = append(gone, id.String())
		}
		for round := 0; ; round++ {
			got, next, deleted, err := c.Claim(ctx, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			claimed = append(claimed, ids(got)...)
			for _, id := range deleted {
				gone = append(gone, id.String())
			}
			if next.IsZero() {
				break
			}
			if o.From = next; round > 10 {
				t.Fatal("the walk does not end")
			}
		}
		if d := cmp.Diff([]string{"1-0", "3-0", "4-0", "5-0"}, claimed); d != "" {
			t.Errorf("claimed (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"2-0"}, gone); on.real && d != "" {
			t.Errorf("deleted (-want +got):\n%s", d)
		}
		own := ReadOptions{Stream: "s", Group: "g", Consumer: "other", From: "0", Count: 10}
		if d := cmp.Diff(claimed, ids(must(readOnce(ctx, c, own))(t))); d != "" {
			t.Errorf("own pending entries afterwards (-want +got):\n%s", d)
		}
	})
}
