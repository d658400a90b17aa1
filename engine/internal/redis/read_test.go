package redis

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var readAll = ReadOptions{Stream: "s", Group: "g", Consumer: "c", From: ">", Count: 10, NoAck: true}

// placedReader returns a reader whose group is at the start of its stream. It is
// closed with the test.
func placedReader(t *testing.T, c *Client, o ReadOptions) *Reader {
	t.Helper()
	r := c.NewReader(o)
	t.Cleanup(r.Close)
	if err := r.Place(t.Context(), ID{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReadNewAndOwnPending(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, on target) {
		ctx := t.Context()
		filled(t, c)
		o := readAll
		o.NoAck, o.Count = false, 3
		got := must(readOnce(ctx, c, o))(t)
		want := []Entry{{ID{Ms: 1}, []string{"n", "1-0"}}, {ID{Ms: 2}, []string{"n", "2-0"}}, {ID{Ms: 3}, []string{"n", "3-0"}}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("new entries (-want +got):\n%s", d)
		}
		o.From = "0"
		if d := cmp.Diff(want, must(readOnce(ctx, c, o))(t)); d != "" {
			t.Errorf("own pending entries (-want +got):\n%s", d)
		}
		o.From = "2-0"
		if d := cmp.Diff(want[2:], must(readOnce(ctx, c, o))(t)); d != "" {
			t.Errorf("own pending entries after 2-0 (-want +got):\n%s", d)
		}
		o.From, o.Consumer = "0", "other"
		if got := must(readOnce(ctx, c, o))(t); len(got) != 0 {
			t.Errorf("another consumer's pending entries: %v", ids(got))
		}
		raw(t, c, "XDEL", "s", "2-0")
		o.Consumer = "c"
		got = must(readOnce(ctx, c, o))(t)
		if on.real { // the embedded server leaves such an entry out
			if d := cmp.Diff([]Entry{want[0], {ID{Ms: 2}, nil}, want[2]}, got); d != "" {
				t.Errorf("a pending entry that was deleted (-want +got):\n%s", d)
			}
		}
	})
}

func TestNoAckLeavesNothingPending(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		filled(t, c)
		if n := len(must(readOnce(t.Context(), c, readAll))(t)); n != 5 {
			t.Fatalf("read %d entries, want 5", n)
		}
		if p := must(c.PendingSummary(t.Context(), "s", "g"))(t); p.Count != 0 {
			t.Errorf("%d pending entries, want none", p.Count)
		}
	})
}

func TestReadReturnsEmptyAfterBlock(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		must(c.CreateGroup(t.Context(), "s", "g", ID{}))(t)
		o := readAll
		o.Block = 30 * time.Millisecond
		r := c.NewReader(o)
		defer r.Close()
		for range 3 {
			begin := time.Now()
			if got := must(r.Read(t.Context(), nil))(t); len(got) != 0 {
				t.Errorf("got %v from an empty stream", ids(got))
			}
			if d := time.Since(begin); d < 20*time.Millisecond {
				t.Errorf("returned after %v, before the end of BLOCK", d)
			}
		}
		o.Block = 0
		if got := must(readOnce(t.Context(), c, o))(t); len(got) != 0 {
			t.Errorf("got %v from an empty stream without waiting", ids(got))
		}
	})
}

func TestReadWakesUpForANewEntry(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		must(c.CreateGroup(t.Context(), "s", "g", ID{}))(t)
		o := readAll
		o.Block = 20 * time.Second
		r := c.NewReader(o)
		defer r.Close()
		done := make(chan error, 1)
		go func() {
			_, err := c.Add(context.Background(), "s", 0, "a", "1")
			done <- err
		}()
		if got := must(r.Read(t.Context(), nil))(t); len(got) != 1 {
			t.Errorf("got %v, want one entry", ids(got))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestReadEndsWithItsContext(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		must(c.CreateGroup(t.Context(), "s", "g", ID{}))(t)
		o := readAll
		o.Block = 30 * time.Second
		r := c.NewReader(o)
		defer r.Close()
		for _, read := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := r.Read(ctx, nil); return err },
			func(ctx context.Context) error { _, err := readOnce(ctx, c, o); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			begin := time.Now()
			err := read(ctx)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || IsConnection(err) {
				t.Errorf("got %v, want the end of the context", err)
			}
			if d := time.Since(begin); d > 5*time.Second {
				t.Errorf("returned after %v", d)
			}
		}
	})
}

// A read reuses the memory of the entries, but not that of the strings.
func TestReadReusesTheSliceAndKeepsTheStrings(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		filled(t, c)
		first := must(c.Range(ctx, "s", ID{Ms: 1}, ID{Ms: 3}, 3, nil))(t)
		kept := first[0].Fields[1]
		second := must(c.Range(ctx, "s", ID{Ms: 4}, ID{Ms: 4}, 3, first))(t)
		if &second[0] != &first[0] || &second[0].Fields[0] != &first[0].Fields[0] {
			t.Error("the memory of dst was not used")
		}
		if kept != "1-0" || second[0].Fields[1] != "4-0" {
			t.Errorf("kept %q and read %q, want 1-0 and 4-0", kept, second[0].Fields[1])
		}
		for _, e := range second[1:3] {
			if len(e.Fields) != 0 || e.Fields[:1][0] != "" {
				t.Errorf("the unused capacity still holds %q", e.Fields[:1])
			}
		}
		// More than the length of the slice, less than its capacity.
		if got := must(c.Range(ctx, "s", ID{Ms: 2}, ID{Ms: 3}, 3, second))(t); len(got) != 2 || &got[0] != &first[0] {
			t.Errorf("read %v, or not in the memory of dst", ids(got))
		}
		if n := testing.AllocsPerRun(10, func() { clearEntries(second) }); n != 0 {
			t.Errorf("clearing allocates %v times", n)
		}
	})
}
