package corrections

import (
	"testing"
	"time"
)

// Marks are applied up to now, unless devices are pending or looked up, or were not found
// because of a failure. Then it is the moment when the first of them was named.
func TestApplied(t *testing.T) {
	c := &Corrector{pending: map[string]bool{}, wakeup: make(chan struct{}, 1)}
	recent := func(what string) {
		t.Helper()
		if got := time.Since(c.Applied()); got > time.Minute {
			t.Errorf("%s: applied up to %v ago, want now", what, got)
		}
	}
	recent("at first")
	c.add("a")
	c.since = c.since.Add(-time.Hour) // as if that was an hour ago
	named := c.since
	c.add("b")
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"pending", func() {}},
		{"looked up", func() { c.take(); c.add("c") }},
		{"after a failure", func() { c.lookedUp(false) }},
		{"looked up again", func() { c.take() }},
	} {
		step.do()
		if got := c.Applied(); !got.Equal(named) {
			t.Errorf("%s: applied up to %v, want %v", step.what, got, named)
		}
	}
	c.lookedUp(true)
	recent("in the end")
}
