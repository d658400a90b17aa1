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
	c := NewAdaptiveCount(1000)
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"small entries", func() { c.Succeeded(entries(1000, 1000)) }, 1000},
		{"no entries", func() { c.Succeeded(nil) }, 1000},
		{"a failure", func() { c.Failed(errNoReply) }, 500},
		{"another failure", func() { c.Failed(errNoReply) }, 250},
		{"no entries after a failure", func() { c.Succeeded(nil) }, 250},
		{"small entries after a failure", func() { c.Succeeded(entries(250, 250)) }, 500},
		{"large entries", func() { c.Succeeded(entries(10, halveAboveBytes+10)) }, 250},
		{"entries between small and large", func() { c.Succeeded(entries(10, halveAboveBytes*3/4)) }, 250},
		{"many failures", func() {
			for range 20 {
				c.Failed(errNoReply)
			}
		}, 1},
		{"many reads of small entries", func() {
			for range 20 {
				c.Succeeded(entries(1, 1))
			}
		}, 1000},
	} {
		if step.do(); c.Count() != step.want {
			t.Errorf("%s: the next read asks for %d entries, want %d", step.name, c.Count(), step.want)
		}
	}
}

// After a reply that was too large, its entries are read one by one, as many as had
// been requested. After the failed read of a single entry, only that one is.
func TestAdaptiveCountOfTooLargeEntries(t *testing.T) {
	one := []Entry{{Fields: []string{"a", "b"}}}
	c := NewAdaptiveCount(100)
	if c.Failed(errNoReply); c.Exhausted() || c.Count() != 50 {
		t.Errorf("after a read that failed: %+v", c)
	}
	c.Failed(errReplyTooLarge)
	for n := range 50 {
		if !c.Exhausted() || c.Count() != 1 {
			t.Fatalf("after %d entries: %+v", n, c)
		}
		c.Succeeded(nil)
		c.Succeeded(one)
	}
	if c.Exhausted() || c.Count() != 2 {
		t.Errorf("after all of them: %+v", c)
	}
	c.Failed(errNoReply)
	if c.Failed(errNoReply); !c.Exhausted() || c.Count() != 1 {
		t.Errorf("after the failed read of a single entry: %+v", c)
	}
	if c.Succeeded(one); c.Exhausted() || c.Count() != 2 {
		t.Errorf("after the next entry: %+v", c)
	}
}
