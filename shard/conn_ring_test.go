//go:build !plainring

package shard

import (
	"testing"
	"time"
)

// TestRestShrinksTheRing: every turn of a writer ends with Rest. A ring that has grown for
// large flushes becomes small at the end of the first turn after a quiet time. While the
// flushes are large it stays large. How the ring decides is tested in its own package.
func TestRestShrinksTheRing(t *testing.T) {
	r := newRig(t, Config{})
	c := r.client(false)
	turn := func(n int) (slots int) {
		for range n {
			c.conn.admit(new(Chunk))
		}
		if !c.conn.claim() {
			t.Fatal("the connection is not idle")
		}
		takeEach(c.conn, func(*Chunk) {})
		if c.conn.active().Rest() {
			t.Fatal("the queue is not empty after a turn")
		}
		return c.conn.ring.Slots()
	}
	turn(100)
	grown := turn(100)
	for range 60 { // a large flush each second, and one chunk at a time between them
		turn(100)
		for range 10 {
			r.pass(100 * time.Millisecond)
			if n := turn(1); n != grown {
				t.Fatalf("between two flushes the ring of %d slots was replaced by one of %d", grown, n)
			}
		}
	}
	r.pass(11 * time.Second)
	if n := turn(1); n >= grown || n == 0 {
		t.Errorf("the ring has %d slots after a quiet time, it had %d", n, grown)
	}
}
