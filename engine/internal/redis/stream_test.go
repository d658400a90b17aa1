package redis

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddAndRange(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		first := must(c.Add(ctx, "s", 0, "a", "1", "b", ""))(t)
		second := must(c.Add(ctx, "s", 0, "c", "2"))(t)
		if !first.Less(second) {
			t.Fatalf("ids out of order: %v, %v", first, second)
		}
		want := []Entry{{first, []string{"a", "1", "b", ""}}, {second, []string{"c", "2"}}}
		all := must(c.Range(ctx, "s", ID{}, MaxID, 10, nil))(t)
		if d := cmp.Diff(want, all); d != "" {
			t.Errorf("whole range (-want +got):\n%s", d)
		}
		one := must(c.Range(ctx, "s", first.Next(), second, 10, nil))(t)
		if d := cmp.Diff(want[1:], one); d != "" {
			t.Errorf("range after the first (-want +got):\n%s", d)
		}
		counted := must(c.Range(ctx, "s", ID{}, MaxID, 1, nil))(t)
		if d := cmp.Diff(want[:1], counted); d != "" {
			t.Errorf("range of one (-want +got):\n%s", d)
		}
		back := must(c.RangeBack(ctx, "s", ID{}, MaxID, 10, nil))(t)
		if d := cmp.Diff([]Entry{want[1], want[0]}, back); d != "" {
			t.Errorf("whole range backwards (-want +got):\n%s", d)
		}
		back = must(c.RangeBack(ctx, "s", first, second.Prev(), 10, nil))(t)
		if d := cmp.Diff(want[:1], back); d != "" {
			t.Errorf("range backwards from before the second (-want +got):\n%s", d)
		}
		if got := must(c.Range(ctx, "nosuch", ID{}, MaxID, 1, nil))(t); len(got) != 0 {
			t.Errorf("range of a stream that does not exist: %v", got)
		}
	})
}

func TestAddAllKeepsOrder(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		var records [][]string
		for i := range 2500 {
			records = append(records, []string{"n", strconv.Itoa(i)})
		}
		if err := c.AddAll(ctx, "s", 0, records); err != nil {
			t.Fatal(err)
		}
		if err := c.AddAll(ctx, "s", 0, nil); err != nil {
			t.Fatalf("adding nothing: %v", err)
		}
		var from ID
		var page []Entry
		for n := 0; n < len(records); {
			page = must(c.Range(ctx, "s", from, MaxID, 700, page))(t)
			if len(page) == 0 {
				t.Fatalf("the stream ends after %d records, want %d", n, len(records))
			}
			for _, e := range page {
				if !slices.Equal(e.Fields, records[n]) {
					t.Fatalf("record %d is %q, want %q", n, e.Fields, records[n])
				}
				n++
			}
			from = page[len(page)-1].ID.Next()
		}
		if n := must(c.Length(ctx, "s"))(t); n != int64(len(records)) {
			t.Errorf("length %d, want %d", n, len(records))
		}
	})
}

func TestAddKeepsNearMaxLen(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		for range 2000 {
			must(c.Add(t.Context(), "s", 100, "a", "1"))(t)
		}
		// Redis trims by whole nodes of about a hundred entries.
		if n := must(c.Length(t.Context(), "s"))(t); n < 100 || n > 400 {
			t.Errorf("length %d after 2000 records, want near 100", n)
		}
		if n := must(c.Length(t.Context(), "nosuch"))(t); n != 0 {
			t.Errorf("length %d of a stream that does not exist, want 0", n)
		}
	})
}

func TestAddReportsARefusal(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		raw(t, c, "SET", "plain", "x")
		if _, err := c.Add(t.Context(), "plain", 0, "a", "1"); err == nil || IsConnection(err) {
			t.Errorf("adding to a plain key: %v, want an error reply", err)
		}
		if err := c.AddAll(t.Context(), "plain", 0, [][]string{{"a", "1"}}); err == nil || IsConnection(err) {
			t.Errorf("adding many to a plain key: %v, want an error reply", err)
		}
	})
}

func TestLastID(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		check := func(when, want string) {
			t.Helper()
			if got := must(c.LastID(ctx, "s"))(t).String(); got != want {
				t.Errorf("%s: last id %s, want %s", when, got, want)
			}
		}
		check("no stream", "0-0")
		must(c.CreateGroup(ctx, "s", "g", ID{}))(t)
		check("stream without entries", "0-0")
		addID(t, c, "s", "1-1", "a", "1")
		addID(t, c, "s", "5-3", "a", "2")
		check("two entries", "5-3")
		raw(t, c, "XDEL", "s", "1-1", "5-3")
		check("all entries deleted", "5-3")
	})
}
