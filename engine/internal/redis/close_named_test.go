package redis

import (
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

func TestCloseNamed(t *testing.T) {
	s := testenv.Redis(t)
	c := open(t, s.URL())
	ctx := t.Context()
	must(c.CreateGroup(ctx, "s", "g", ID{}))(t)
	const name = "lease of größe 1 name=x"
	reader := func(url, name string) *Reader {
		o := readAll
		o.Name, o.Block = name, 20*time.Millisecond
		r := open(t, url).NewReader(o)
		t.Cleanup(r.Close)
		if err := r.Place(ctx, ID{}); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first, second := reader(s.URL(), name), reader(s.URL(), name)
	others := []*Reader{reader(s.URL(), ""), reader(s.URL(), name+"1"), reader(s.URL(), "lease of größe 1"), reader(s.URL()+"/3", name)}
	if n := must(c.CloseNamed(ctx, "s", name))(t); n != 2 {
		t.Errorf("%d connections closed, want 2", n)
	}
	for _, r := range []*Reader{first, second} {
		if _, err := r.Read(ctx, nil); !IsConnection(err) {
			t.Errorf("a read on a closed connection: %v, want a lost connection", err)
		}
	}
	for i, r := range others {
		if _, err := r.Read(ctx, nil); err != nil {
			t.Errorf("other reader %d: %v", i, err)
		}
	}
	if n := must(c.CloseNamed(ctx, "s", name))(t); n != 0 {
		t.Errorf("%d connections closed the second time", n)
	}
}

// The connection to close may be the oldest of the server, which CLIENT LIST lists
// first.
func TestCloseNamedClosesTheOldestConnection(t *testing.T) {
	s := testenv.Redis(t)
	c := open(t, s.URL())
	ctx := t.Context()
	o := readAll
	o.Name = "oldest"
	placedReader(t, c, o)
	for line := range strings.Lines(s.Do("CLIENT", "LIST").(string)) {
		if !strings.Contains(line, " name="+connName(o.Name)+" ") {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
			s.Do("CLIENT", "KILL", "ID", id, "SKIPME", "yes")
		}
	}
	testenv.Eventually(t, 20*time.Second, "the client to connect again", func() bool { return c.Ping(ctx, "s") == nil })
	if list := s.Do("CLIENT", "LIST").(string); !strings.Contains(list[:strings.Index(list, "\n")], connName(o.Name)) {
		t.Fatalf("another connection is the oldest: %s", list)
	}
	if n := must(c.CloseNamed(ctx, "s", o.Name))(t); n != 1 {
		t.Errorf("%d connections closed, want 1", n)
	}
}

func TestCloseNamedWithoutTheRight(t *testing.T) {
	s := testenv.Redis(t)
	s.Do("ACL", "SETUSER", "small", "on", ">pw", "~*", "+@all", "-@dangerous")
	c := open(t, "redis://small:pw@"+s.Addr())
	if _, err := c.CloseNamed(t.Context(), "s", "x"); !IsRefused(err) {
		t.Errorf("got %v, want a refusal", err)
	}
	o := readAll
	o.Name = "x"
	r := c.NewReader(o)
	defer r.Close()
	if err := r.Place(t.Context(), ID{}); err != nil {
		t.Error(err)
	}
}
