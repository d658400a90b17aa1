package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := Sleep(t.Context(), 3*time.Second); err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("%v after %v, want no error after 3 s", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if err := Sleep(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v, want the context's error after 1 s", err, time.Since(begin))
		}
		if err := Sleep(t.Context(), -time.Second); err != nil {
			t.Errorf("a negative time: %v", err)
		}
	})
}

func TestJitter(t *testing.T) {
	for range 1000 {
		if d := Jitter(time.Second); d < 900*time.Millisecond || d >= 1100*time.Millisecond {
			t.Fatalf("%v, want a second plus or minus a tenth", d)
		}
	}
	for _, d := range []time.Duration{0, 9} {
		if got := Jitter(d); got != d {
			t.Errorf("%v, want %v", got, d)
		}
	}
}

func TestSignal(t *testing.T) {
	s := NewSignal()
	for range 3 {
		s.Set()
	}
	<-s
	select {
	case <-s:
		t.Error("set three times, it wakes twice")
	default:
	}
}

func TestLogLimiter(t *testing.T) {
	for name, l := range map[string]*LogLimiter{"zero value": {}, "of 10 s": {Every: 10 * time.Second}} {
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
			if n, ok := l.Allow(start.Add(tt.after)); n != tt.n || ok != tt.ok {
				t.Errorf("%s after %v: %d, %t, want %d, %t", name, tt.after, n, ok, tt.n, tt.ok)
			}
		}
	}
}
