package redis

import (
	"testing"

	"pitwall/engine/internal/testenv"
)

// The commands of a reader go to the server that it reads from, even if the shared
// connection leads to another one.
func TestReaderCommandsGoToItsServer(t *testing.T) {
	old, master := testenv.Redis(t), testenv.Redis(t)
	p := testenv.Proxy(t, old.Addr())
	c := open(t, "redis://"+p.Addr())
	p.Retarget(master.Addr())
	r := c.NewReader(readAll)
	defer r.Close()
	ctx := t.Context()
	want := must(open(t, master.URL()).RunID(ctx))(t)
	if got := must(r.RunID(ctx))(t); got != want {
		t.Errorf("the reader's server is %s, want %s", got, want)
	}
	if got := must(c.RunID(ctx))(t); got == want {
		t.Error("the shared connection leads to the new server as well: the test proves nothing")
	}
	if err := r.Place(ctx, ID{}); err != nil {
		t.Fatal(err)
	}
	id := must(open(t, master.URL()).Add(ctx, "s", 0, "a", "1"))(t)
	if got := must(r.LastID(ctx, "s"))(t); got != id {
		t.Errorf("last id %v, want %v", got, id)
	}
	if got := must(r.Read(ctx, nil))(t); len(got) != 1 || got[0].ID != id {
		t.Errorf("read %v, want %v", ids(got), id)
	}
}

func TestPlaceMovesAndCreatesGroups(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		ctx := t.Context()
		r := c.NewReader(readAll)
		defer r.Close()
		if err := r.Place(ctx, ID{Ms: 2}); err != nil { // neither stream nor group
			t.Fatal(err)
		}
		for _, id := range []string{"1-0", "3-0", "4-0"} {
			// The embedded server keeps no last id in a stream that is empty.
			addID(t, c, "s", id, "n", id)
		}
		for _, tt := range []struct {
			name    string
			destroy bool
			at      ID
			want    int
		}{
			{"where it was created", false, ID{}, 2},
			{"back", false, ID{Ms: 3}, 1},
			{"back again", false, ID{Ms: 1}, 2},
			{"forward", false, ID{Ms: 4}, 0},
			{"created again", true, ID{Ms: 3}, 1},
		} {
			if tt.destroy {
				must(c.DestroyGroup(ctx, "s", "g"))(t)
			}
			if !tt.at.IsZero() {
				if err := r.Place(ctx, tt.at); err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
			}
			if got := must(r.Read(ctx, nil))(t); len(got) != tt.want {
				t.Errorf("%s: read %v, want %d entries", tt.name, ids(got), tt.want)
			}
		}
	})
}

// A command without a reply closes the connection, as a read does. Otherwise a late
// reply could be taken for that of the next command.
func TestReaderDropsTheConnectionOfAFailedCommand(t *testing.T) {
	p, c, _ := proxied(t)
	ctx := t.Context()
	r := placedReader(t, c, readAll)
	id := r.id
	p.CutAfter(0)
	if _, err := r.LastID(ctx, "s"); !IsConnection(err) {
		t.Fatalf("got %v, want a lost connection", err)
	}
	if r.conn != nil || len(r.lost) != 1 || r.lost[0].id != id {
		t.Errorf("connection %v, lost %v, want none, and %d", r.conn, r.lost, id)
	}
	must(r.LastID(ctx, "s"))(t)
	if err := r.Fence(ctx, true); err != nil || len(r.lost) != 0 {
		t.Errorf("fence: %v, %d left", err, len(r.lost))
	}
	// An error reply leaves the connection open.
	id = r.id
	if _, err := r.run(ctx, "test", onKey{}, "NOSUCHCOMMAND"); !IsRefused(err) {
		t.Errorf("got %v, want a refusal", err)
	}
	if must(r.LastID(ctx, "s"))(t); r.id != id {
		t.Error("an error reply closed the connection")
	}
}
