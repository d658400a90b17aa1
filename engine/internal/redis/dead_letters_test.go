package redis

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// letters reads n entries of stream "s" through group "g" and returns a dead letter
// for each.
func letters(t *testing.T, c *Client, n int) []DeadLetter {
	t.Helper()
	got := must(readOnce(t.Context(), c, ReadOptions{Stream: "s", Group: "g", Consumer: "c", From: ">", Count: n}))(t)
	list := make([]DeadLetter, len(got))
	for i, e := range got {
		list[i] = DeadLetter{ID: e.ID, Fields: []string{"id", e.ID.String(), "big", strings.Repeat("x", i)}}
	}
	return list
}

func TestAddDeadLetters(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		const n = 250 // more than one call of the script
		for i := range n {
			addID(t, c, "s", fmt.Sprintf("%d-0", i+1), "n", "1")
		}
		must(c.CreateGroup(ctx, "s", "g", ID{}))(t)
		list := letters(t, c, n)
		wide := make([]string, 0, 2*maxScriptFields)
		for i := range maxScriptFields {
			wide = append(wide, fmt.Sprint("f", i), "v")
		}
		list[120].Fields = wide
		if err := c.AddDeadLetters(ctx, c.DeadKey("s"), 10000, "s", "g", list); err != nil {
			t.Fatal(err)
		}
		got := must(c.Range(ctx, c.DeadKey("s"), ID{}, MaxID, 1000, nil))(t)
		if len(got) != n {
			t.Fatalf("%d letters, want %d", len(got), n)
		}
		for i := range list {
			if d := cmp.Diff(list[i].Fields, got[i].Fields); d != "" {
				t.Fatalf("letter %d (-want +got):\n%s", i, d)
			}
		}
		if p := must(c.PendingSummary(ctx, "s", "g"))(t); p.Count != 0 {
			t.Errorf("%d pending entries, want none", p.Count)
		}
	})
}

// An entry whose letter cannot be added stays pending.
func TestDeadLettersThatCannotBeAddedStayPending(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		filled(t, c)
		list := letters(t, c, 3)
		raw(t, c, "SET", c.DeadKey("s"), "not a stream")
		if err := c.AddDeadLetters(ctx, c.DeadKey("s"), 100, "s", "g", list); err == nil {
			t.Error("no error from a key of another type")
		}
		if p := must(c.PendingSummary(ctx, "s", "g"))(t); p.Count != 3 {
			t.Errorf("%d pending entries, want all 3", p.Count)
		}
	})
}

func TestDelete(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		filled(t, c)
		if n := must(c.Delete(t.Context(), "s", []ID{{Ms: 2}, {Ms: 4}, {Ms: 9}}))(t); n != 2 {
			t.Errorf("deleted %d, want 2", n)
		}
		got := ids(must(c.Range(t.Context(), "s", ID{}, MaxID, 10, nil))(t))
		if d := cmp.Diff([]string{"1-0", "3-0", "5-0"}, got); d != "" {
			t.Errorf("entries left (-want +got):\n%s", d)
		}
	})
}

func TestDeadKey(t *testing.T) {
	for _, tt := range []struct {
		stream  string
		cluster bool
		want    string
	}{
		{"telemetry:t", false, "telemetry:t:dead"},
		{"telemetry:t", true, "{telemetry:t}:dead"},
		{"{race}:t", true, "{race}:t:dead"},
		{"{open", true, "{{open}:dead"},
	} {
		if got := (map[bool]*Client{false: {}, true: {nodes: &cluster{}}}[tt.cluster]).DeadKey(tt.stream); got != tt.want {
			t.Errorf("DeadKey(%q) with Cluster %v is %q, want %q", tt.stream, tt.cluster, got, tt.want)
		}
	}
}

func TestBoundBytes(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, on target) {
		const most = 1 << 20
		ctx := t.Context()
		if bytes, deleted, err := c.BoundBytes(ctx, "s", most); err != nil || bytes > 0 || deleted != 0 {
			t.Errorf("a stream that does not exist: %d bytes, %d deleted, %v", bytes, deleted, err)
		}
		for n := range 300 { // short ones first: the mean size of an entry says little
			addID(t, c, "s", strconv.Itoa(n+1)+"-0", "f", "v")
		}
		for n := range 60 {
			addID(t, c, "s", strconv.Itoa(n+301)+"-0", "f", strings.Repeat("x", 32<<10))
		}
		bytes, deleted, err := c.BoundBytes(ctx, "s", most)
		if err != nil {
			t.Fatal(err)
		}
		if !on.real {
			if bytes != Unknown || deleted != 0 {
				t.Errorf("a server without MEMORY USAGE: %d bytes, %d deleted", bytes, deleted)
			}
			return
		}
		left := must(c.Length(ctx, "s"))(t)
		if bytes > most || bytes < most/2 || left+deleted != 360 || left < 16 || left > 32 {
			t.Errorf("%d bytes in %d entries, %d deleted", bytes, left, deleted)
		}
		if again, deleted, err := c.BoundBytes(ctx, "s", most); err != nil || deleted != 0 || again != bytes {
			t.Errorf("the second time: %d bytes, %d deleted, %v", again, deleted, err)
		}
	})
}
