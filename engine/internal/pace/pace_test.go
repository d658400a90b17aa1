package pace

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	var b Backoff
	for round := range 2 {
		want := FirstDelay
		for range 12 {
			if d := b.Delay(); d < want/2 || d > want {
				t.Fatalf("round %d: waits %v, want %v to %v", round, d, want/2, want)
			}
			want = min(2*want, LastDelay)
		}
		b.Reset()
	}
}

func TestQuiet(t *testing.T) {
	q := Quiet{Every: 10 * time.Second}
	start := time.Unix(1000, 0)
	for _, tt := range []struct {
		after time.Duration
		n     int
		ok    bool
	}{
		{0, 1, true},
		{time.Second, 0, false},
		{9 * time.Second, 0, false},
		{10 * time.Second, 3, true},
		{11 * time.Second, 0, false},
		{time.Hour, 2, true},
	} {
		if n, ok := q.Tell(start.Add(tt.after)); n != tt.n || ok != tt.ok {
			t.Errorf("after %v: %d, %t, want %d, %t", tt.after, n, ok, tt.n, tt.ok)
		}
	}
}
