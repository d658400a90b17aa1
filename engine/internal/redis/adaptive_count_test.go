package redis

import (
	"strings"
	"testing"
)

func TestAdaptiveCount(t *testing.T) {
	entries := func(n, bytes int) []Entry {
		list := make([]Entry, n)
		for i := range list {
			list[i].Fields = []string{"", strings.Repeat("x", bytes/n)}
		}
		return list
	}
	p := NewAdaptiveCount(1000)
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"light", func() { p.Succeeded(entries(1000, 1000)) }, 1000},
		{"nothing came", func() { p.Succeeded(nil) }, 1000},
		{"failed", func() { p.Failed(errNoReply) }, 500},
		{"failed again", func() { p.Failed(errNoReply) }, 250},
		{"nothing came then", func() { p.Succeeded(nil) }, 250},
		{"light again", func() { p.Succeeded(entries(250, 250)) }, 500},
		{"heavy", func() { p.Succeeded(entries(10, halveAboveBytes+10)) }, 250},
		{"neither light nor heavy", func() { p.Succeeded(entries(10, halveAboveBytes*3/4)) }, 250},
		{"failed for long", func() {
			for range 20 {
				p.Failed(errNoReply)
			}
		}, 1},
		{"light for long", func() {
			for range 20 {
				p.Succeeded(entries(1, 1))
			}
		}, 1000},
	} {
		if step.do(); p.Count() != step.want {
			t.Errorf("%s: the next read asks for %d entries, want %d", step.name, p.Count(), step.want)
		}
	}
}

// After a reply that was too large, as many entries as were requested are read one
// by one. After the failure of a single entry, only that one is.
func TestAdaptiveCountOfTooLargeEntries(t *testing.T) {
	one := []Entry{{Fields: []string{"a", "b"}}}
	p := NewAdaptiveCount(100)
	if p.Failed(errNoReply); p.Exhausted() || p.Count() != 50 {
		t.Errorf("after a read that failed: %+v", p)
	}
	p.Failed(errReplyTooLarge)
	for n := range 50 {
		if !p.Exhausted() || p.Count() != 1 {
			t.Fatalf("after %d entries: %+v", n, p)
		}
		p.Succeeded(nil)
		p.Succeeded(one)
	}
	if p.Exhausted() || p.Count() != 2 {
		t.Errorf("after all of them: %+v", p)
	}
	p.Failed(errNoReply)
	if p.Failed(errNoReply); !p.Exhausted() || p.Count() != 1 {
		t.Errorf("after a single one that failed: %+v", p)
	}
	if p.Succeeded(one); p.Exhausted() || p.Count() != 2 {
		t.Errorf("after one that came: %+v", p)
	}
}
