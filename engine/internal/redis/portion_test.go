package redis

import (
	"strings"
	"testing"
)

func TestPortion(t *testing.T) {
	entries := func(n, bytes int) []Entry {
		list := make([]Entry, n)
		for i := range list {
			list[i].Fields = []string{"", strings.Repeat("x", bytes/n)}
		}
		return list
	}
	p := NewPortion(1000)
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"light", func() { p.Took(entries(1000, 1000)) }, 1000},
		{"nothing came", func() { p.Took(nil) }, 1000},
		{"failed", func() { p.Failed(errNoReply) }, 500},
		{"failed again", func() { p.Failed(errNoReply) }, 250},
		{"nothing came then", func() { p.Took(nil) }, 250},
		{"light again", func() { p.Took(entries(250, 250)) }, 500},
		{"heavy", func() { p.Took(entries(10, heavyRead+10)) }, 250},
		{"neither light nor heavy", func() { p.Took(entries(10, heavyRead*3/4)) }, 250},
		{"failed for long", func() {
			for range 20 {
				p.Failed(errNoReply)
			}
		}, 1},
		{"light for long", func() {
			for range 20 {
				p.Took(entries(1, 1))
			}
		}, 1000},
	} {
		if step.do(); p.Count() != step.want {
			t.Errorf("%s: the next read asks for %d entries, want %d", step.name, p.Count(), step.want)
		}
	}
}

// After a reply that was too much, as many entries as were asked for are read one
// by one; after a single one that failed, that one.
func TestPortionOfWhatIsTooMuch(t *testing.T) {
	one := []Entry{{Fields: []string{"a", "b"}}}
	p := NewPortion(100)
	if p.Failed(errNoReply); p.Exhausted() || p.Count() != 50 {
		t.Errorf("after a read that failed: %+v", p)
	}
	p.Failed(errHeavy)
	for n := range 50 {
		if !p.Exhausted() || p.Count() != 1 {
			t.Fatalf("after %d entries: %+v", n, p)
		}
		p.Took(nil)
		p.Took(one)
	}
	if p.Exhausted() || p.Count() != 2 {
		t.Errorf("after all of them: %+v", p)
	}
	p.Failed(errNoReply)
	if p.Failed(errNoReply); !p.Exhausted() || p.Count() != 1 {
		t.Errorf("after a single one that failed: %+v", p)
	}
	if p.Took(one); p.Exhausted() || p.Count() != 2 {
		t.Errorf("after one that came: %+v", p)
	}
}
